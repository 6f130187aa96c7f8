/* The application of the tests' images: `app` shows what it was started with. `app EXIT_CODE ...` then waits for SIGTERM,
 * says so and ends with EXIT_CODE; `app EXIT_CODE find HOST` asks the C library for the address of HOST before it waits.
 */

#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;
static volatile sig_atomic_t received;

static void note(int number) { received = number; }

static void show_status(void) {
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, "Uid:", 4) || !strncmp(line, "SigBlk:", 7) || !strncmp(line, "SigIgn:", 7))
            fputs(line, stdout);
    if (status)
        fclose(status);
}

/* Descriptors above this are not looked for. */
enum { LAST_DESCRIPTOR = 1024 };

int main(int count, char **arguments) {
    struct sigaction action = {.sa_handler = note};
    sigset_t waiting, usual;
    show_status();
    /* Blocked until it is waited for, so that it is never missed; what was blocked before stays so. */
    sigemptyset(&waiting);
    sigaddset(&waiting, SIGTERM);
    sigprocmask(SIG_BLOCK, &waiting, &usual);
    sigaction(SIGTERM, &action, NULL);
    for (char **argument = arguments + 1; *argument; argument++)
        printf("argument %s\n", *argument);
    for (char **entry = environ; *entry; entry++)
        printf("env %s\n", *entry);
    for (int descriptor = 3; descriptor < LAST_DESCRIPTOR; descriptor++)
        if (dup2(descriptor, descriptor) >= 0)
            printf("open %d\n", descriptor);
    if (count < 2)
        return 0;
    if (count == 4 && !strcmp(arguments[2], "find")) {
        struct addrinfo *found = NULL;
        printf("%s %s\n", arguments[3], getaddrinfo(arguments[3], NULL, NULL, &found) ? "is unknown" : "is known");
    }
    puts("ready");
    fflush(stdout);
    while (!received)
        sigsuspend(&usual);
    printf("ended by signal %d\n", (int)received);
    fflush(stdout);
    return atoi(arguments[1]);
}
