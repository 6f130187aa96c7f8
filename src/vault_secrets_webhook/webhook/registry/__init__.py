"""Image registries as far as the webhook needs them: what an image starts when its container does not say so.

    reference      parses names of images
    options        what the operator says of mirrors and clouds
    pathmatch      the patterns that keys of docker configs are
    credentials    reads pull secrets, and finds the credentials in them that are for an image
    cache          keeps what was found for a while; asks once for many that wait
    once           asks once for all containers of one object
    names          resolves hosts, in threads of its own
    addresses      tells where a registry must not send us
    transport      sends requests: TLS, redirects, time, another try
    access         gets let in: Basic, or a token as the registry's challenge asks for it
    cloud          gets credentials for the registries of clouds, where the operator wants that
    documents      manifests, indexes and configs, decoded in part, and the choice of a platform
    client         reads the config of one image with one credential
    attempt        tries all places that an image may be in, with all credentials that a pod has
    images         gives mutations what they ask for (`webhook.lookup`)

The protocol is that of https://github.com/opencontainers/distribution-spec, version 1.1. Nothing is ever written.
"""
