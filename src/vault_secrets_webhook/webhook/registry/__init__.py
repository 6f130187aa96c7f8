"""Image registries as far as the webhook needs them: what an image starts when its container does not say so.

    reference      parses names of images
    credentials    reads pull secrets, and finds the credentials in them that are for an image
    cache          keeps what was found for a while; asks once for many that wait
    transport      sends requests: TLS, redirects, time, another try
    access         gets let in: Basic, or a token as the registry's challenge asks for it
    documents      manifests, indexes and configs, decoded in part, and the choice of a platform
    client         reads the config of one image with one credential
    images         gives mutations what they ask for (`webhook.lookup`), with all credentials that a pod has

The protocol is that of https://github.com/opencontainers/distribution-spec, version 1.1. Nothing is ever written.
"""
