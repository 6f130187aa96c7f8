"""Who the webhook is to Vault and OpenBao, and how it reads there what Secrets, ConfigMaps and other objects refer to.

    access       which server is asked, by whom: what the operator's variables and an object's options come to
    identity     the webhook's own token, or that of its ServiceAccount
    tokens       logins, each used for many objects and revoked when it is of no use any more
    transports   kept connections; every request ends with the review that it is made for
    threads      the threads that wait for answers
    reader       all of it together: from a plan of references to their values

What a Secret or a ConfigMap looks like is not known here, and what is read is kept by nobody.
"""
