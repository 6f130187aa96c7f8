/* Host names are found by /etc/hosts and DNS alone, whatever /etc/nsswitch.conf of the container says.
 *
 * The modules that it may name (LDAP, mDNS, systemd) would be loaded from the container's file system into our process,
 * and were made for another C library. glibc has `files` and `dns` built in (since 2.34), and takes `search` and
 * `ndots` from /etc/resolv.conf. musl has no such modules, so there is nothing to be done.
 *
 * Source: glibc, nss/nss.h (__nss_configure_lookup); resolv.conf(5).
 */
#include <netdb.h>
#ifdef __GLIBC__
#include <nss.h>
#endif
#include <pthread.h>

int __real_getaddrinfo(const char *, const char *, const struct addrinfo *, struct addrinfo **);
int __wrap_getaddrinfo(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static void
configure(void)
{
#ifdef __GLIBC__
    __nss_configure_lookup("hosts", "files dns");
    __nss_configure_lookup("services", "files");
#endif
}

/* All look-ups of the program come here (`--wrap`), from any thread. */
int
__wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure);
    return __real_getaddrinfo(node, service, hints, result);
}
