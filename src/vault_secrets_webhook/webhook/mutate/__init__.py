"""Mutation of objects: from the JSON of an object to the JSON Patch that makes its process find its secrets."""
