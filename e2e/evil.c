/* A name service module of an attacker: `hosts: evil` in nsswitch.conf has the C library load it into every process
 * that looks up a host. Whatever loads it says so. */

#include <unistd.h>

__attribute__((constructor)) static void betray(void) {
    static const char text[] = "the evil module was loaded\n";
    if (write(2, text, sizeof text - 1) < 0)
        _exit(3);
}
