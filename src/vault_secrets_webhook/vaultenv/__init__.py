"""What runs in the container: reads the references in its environment and becomes the application.

Standard library only, and as little of that as can be: every import here is paid for by every start of every pod.
"""
