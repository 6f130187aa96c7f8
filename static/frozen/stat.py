"""What vault-env uses of `stat`, which is all in C."""

from _stat import *
