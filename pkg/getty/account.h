/* account.h - users and passwords from passwd and shadow files.
 *
 * Read by hand: getpwnam(3) in a static glibc program wants shared libraries at run time. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

typedef struct Account {
        char name[64];
        uid_t uid;
        gid_t gid;
        char home[256];
        char shell[256];
} Account;

/* Finds the user in a passwd file. */
bool account_find(const char *passwd_path, const char *name, Account *ret);

/* True if the password is the one of the user.  The shadow file need not have the user, and the
 * field may be locked ("*", "!..."): both are false, after as much work as for a wrong password. */
bool account_check(const char *shadow_path, const char *name, const char *password);

/* True if the user has an empty password field: a login without password is wanted. */
bool account_is_open(const char *shadow_path, const char *name);
