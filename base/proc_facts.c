/* SPDX-License-Identifier: MIT */
/* Clocks, and what names this machine and its processes. */
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"

#define MACHINE_ID_LEN 32
#define MACHINE_HEX    17 /* 16 digits */

double proc_monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

uint64_t proc_unix_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void proc_put_time(struct buf *b, uint64_t unix_ms)
{
	const time_t s = (time_t)(unix_ms / 1000);
	struct tm tm;

	if (!gmtime_r(&s, &tm)) { /* beyond the years that an int counts */
		memset(&tm, 0, sizeof tm);
		tm.tm_year = 70;
		tm.tm_mday = 1;
	}
	buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03d+00:00", tm.tm_year + 1900, tm.tm_mon + 1,
		   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(unix_ms % 1000));
}

char *proc_config_path(const char *name)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && *config == '/') { /* others are to be passed over, says who defines it */
		return mem_printf("%s/ppgen/%s", config, name);
	}
	if (!home || !*home) {
		const struct passwd *user = getpwuid(getuid());

		home = user ? user->pw_dir : "";
	}
	return mem_printf("%s/.config/ppgen/%s", home, name);
}

const char *proc_host(void)
{
	static char host[256];

	if (!host[0] && (gethostname(host, sizeof host - 1) < 0 || !host[0])) {
		memcpy(host, "localhost", sizeof "localhost");
	}
	return host;
}

const char *proc_boot_id(void)
{
	static char id[64];
	static bool asked;
	struct buf b = BUF_INIT;

	if (!asked) {
		asked = true;
		if (file_read("/proc/sys/kernel/random/boot_id", &b, sizeof id, NULL) == 0) {
			const size_t n = strcspn(b.data, "\n");

			memcpy(id, b.data, n < sizeof id ? n : sizeof id - 1);
		}
		buf_free(&b);
	}
	return id;
}

uint64_t proc_start_ticks(pid_t pid)
{
	char path[64], text[4096];
	const char *p;
	uint64_t ticks = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return 0;
	}
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0) {
		return 0;
	}
	text[n] = '\0';
	p = strrchr(text, ')'); /* field 2 may hold anything, but it ends here */
	for (int field = 2; p && field < 22; field++) {
		p = strchr(p + 1, ' ');
	}
	if (!p || !text_u64(p + 1, strcspn(p + 1, " \n"), &ticks)) {
		return 0;
	}
	return ticks;
}

/* Not the id itself: that is to be kept from strangers (see machine-id(5)). */
static bool read_machine(const char *path, char hex[MACHINE_HEX])
{
	struct buf b = BUF_INIT, salted = BUF_INIT;
	uint8_t hash[SHA256_SIZE];
	bool there = false;

	if (file_read(path, &b, 4096, NULL) == 0 && strcspn(buf_str(&b), "\n") >= MACHINE_ID_LEN) {
		buf_puts(&salted, "ppgen machine ");
		buf_add(&salted, b.data, MACHINE_ID_LEN);
		sha256_of(salted.data, salted.len, hash);
		hex_put(hex, hash, (MACHINE_HEX - 1) / 2);
		there = true;
	}
	buf_free(&salted);
	buf_free(&b);
	return there;
}

const char *proc_machine(void)
{
	static char hex[MACHINE_HEX];
	static bool asked;

	if (!asked) {
		asked = true;
		if (!read_machine("/etc/machine-id", hex)) {
			(void)read_machine("/var/lib/dbus/machine-id", hex);
		}
	}
	return hex;
}
