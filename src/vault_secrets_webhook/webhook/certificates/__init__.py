"""Own certificates: an authority, what it signs, one Secret that all replicas share, and the caBundle that trusts it.

    state      what there is: authorities and the serving certificate, as values
    plan       what is to become of it, given the time: no clock, no cryptography, no I/O
    mint       makes authorities and serving certificates
    storage    writes the state into the entries of a Secret, and reads it again
    bundle     reads and writes a caBundle
    serving    the TLS context: which certificate is served, loaded without a file
    keeper     the loop around all of it

Every process of every replica runs the same loop and there is no leader: each reads the Secret, most find nothing to
do, and of those that write at the same time the API server lets one through (`resourceVersion`); the others read what
it wrote.

The order of things in a rotation is what keeps each review alive:

1. A new authority is made and stored. Nothing is signed by it yet.
2. It is added to the caBundle. The old ones stay there.
3. When it has been seen there for a while, so that all API servers know of it, the next certificate is signed by it.
4. Whoever reads that certificate serves it, after a look whether its authority is in the caBundle.
5. The old authority's key is gone by then; itself it leaves the caBundle when it expires, and with it, at the latest,
   all that it has signed.
"""
