"""The admission webhook: answers the API server's reviews. Third-party libraries are allowed from here on up."""
