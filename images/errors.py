"""Why an image cannot be built. Knows nothing of images."""

from __future__ import annotations


class ImageError(Exception):
    """Something is missing on this machine, or is not what an image can be made of. The message says what to do."""
