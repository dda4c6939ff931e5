/* SPDX-License-Identifier: MIT */
/*
 * Downloads. libcurl costs memory and milliseconds, so it is opened with the first download; its
 * header is used for types and constants only. What URLs mean as text is in fetch_url.c.
 */
#include "base/fetch.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

#define TRIES           3
#define CONNECT_SECONDS 30L
#define STALL_SECONDS   60L /* at less than one byte a second */
#define REDIRECTS       10L

static struct {
	CURLcode (*global_init)(long flags);
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *h, CURLoption option, ...);
	CURLcode (*easy_perform)(CURL *h);
	CURLcode (*easy_getinfo)(CURL *h, CURLINFO info, ...);
	void (*easy_cleanup)(CURL *h);
	const char *(*easy_strerror)(CURLcode code);
	bool ready;
} lib;

static const struct {
	const char *name;
	void *at; /* a pointer to a function of whatever type */
} symbols[] = {
	{ "curl_global_init", &lib.global_init },     { "curl_easy_init", &lib.easy_init },
	{ "curl_easy_setopt", &lib.easy_setopt },     { "curl_easy_perform", &lib.easy_perform },
	{ "curl_easy_getinfo", &lib.easy_getinfo },   { "curl_easy_cleanup", &lib.easy_cleanup },
	{ "curl_easy_strerror", &lib.easy_strerror },
};

static int lib_open(struct err *e)
{
	static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };
	void *handle = NULL;

	if (lib.ready) {
		return 0;
	}
	for (size_t i = 0; !handle && i < sizeof names / sizeof *names; i++) {
		handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	}
	if (!handle) {
		return err_fail(e, "downloads need libcurl, which is not installed: install '%s'",
				names[0]);
	}
	for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
		void *found = dlsym(handle, symbols[i].name);

		if (!found) {
			return err_fail(e, "'%s' is missing in libcurl: install a newer one",
					symbols[i].name);
		}
		memcpy(symbols[i].at, &found,
		       sizeof found); /* POSIX's way round C's two kinds of pointer */
	}
	if (lib.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		return err_fail(e, "libcurl cannot be initialised");
	}
	lib.ready = true;
	return 0;
}

struct download {
	struct file_draft draft;
	struct sha256 *hash;
	uint64_t got;
	const char *path;
	struct err *e;
};

/* Called with each piece of the body: hashed and written. Anything but `count` ends the download.
 */
static size_t on_data(char *p, size_t size, size_t count, void *arg)
{
	struct download *d = arg;

	sha256_add(d->hash, p, size * count);
	d->got += size * count;
	return file_write_fd(d->draft.fd, p, size * count, d->path, d->e) < 0 ? 0 : count;
}

/* Protocols by name need libcurl 7.85; older ones know the bit masks, which newer ones still take.
 */
static bool set_protocols(CURL *h)
{
	const long bits = CURLPROTO_HTTP | CURLPROTO_HTTPS;

#if LIBCURL_VERSION_NUM >= 0x075500
	if (lib.easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	    lib.easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK) {
		return true;
	}
#endif
	return lib.easy_setopt(h, (CURLoption)181 /* CURLOPT_PROTOCOLS */, bits) == CURLE_OK &&
	       lib.easy_setopt(h, (CURLoption)182 /* CURLOPT_REDIR_PROTOCOLS */, bits) == CURLE_OK;
}

/* False when libcurl refuses an option that safety rests on. */
static bool set_options(CURL *h, const char *url, struct download *d, char *message)
{
	const char *bundle = getenv("CURL_CA_BUNDLE");

	if (!bundle || !*bundle) {
		bundle = getenv("SSL_CERT_FILE");
	}
	if (bundle && *bundle && lib.easy_setopt(h, CURLOPT_CAINFO, bundle) != CURLE_OK) {
		return false;
	}
	lib.easy_setopt(h, CURLOPT_ERRORBUFFER, message);
	lib.easy_setopt(h, CURLOPT_USERAGENT, "ppgen");
	lib.easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	lib.easy_setopt(h, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	lib.easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
	lib.easy_setopt(h, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
	lib.easy_setopt(h, CURLOPT_MAXREDIRS, REDIRECTS);
	return set_protocols(h) && lib.easy_setopt(h, CURLOPT_URL, url) == CURLE_OK &&
	       lib.easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
	       lib.easy_setopt(h, CURLOPT_FAILONERROR, 1L) == CURLE_OK &&
	       lib.easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       lib.easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       lib.easy_setopt(h, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK &&
	       lib.easy_setopt(h, CURLOPT_WRITEDATA, d) == CURLE_OK;
}

/* Faults that may pass: the name server, the network, and an overloaded server. */
static bool is_transient(CURLcode code, long status)
{
	static const CURLcode codes[] = {
		CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT,
		CURLE_PARTIAL_FILE,         CURLE_GOT_NOTHING,     CURLE_SEND_ERROR,
		CURLE_RECV_ERROR,           CURLE_HTTP2,           CURLE_HTTP2_STREAM,
	};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		if (code == codes[i]) {
			return true;
		}
	}
	return code == CURLE_HTTP_RETURNED_ERROR &&
	       (status == 408 || status == 429 ||
		(status >= 500 && status != 501 && status != 505));
}

/* Says in our words what libcurl met. */
static int download_error(CURLcode code, long status, const char *message, const struct download *d,
			  struct err *e)
{
	if (err_is(d->e)) {
		*e = *d->e; /* writing failed */
		return -1;
	}
	if (code == CURLE_HTTP_RETURNED_ERROR) {
		return err_fail(e, "the server answered with status %ld", status);
	}
	if (code == CURLE_PARTIAL_FILE) {
		return err_fail(e, "the body ended early, after %llu bytes (%s)",
				(unsigned long long)d->got,
				*message ? message : lib.easy_strerror(code));
	}
	if (code == CURLE_PEER_FAILED_VERIFICATION) {
		return err_fail(e,
				"the server's certificate is not trusted (%s): name a file of "
				"certificates in SSL_CERT_FILE",
				*message ? message : "no reason given");
	}
	return err_fail(e, "%s", *message ? message : lib.easy_strerror(code));
}

static int check_hash(struct download *d, const uint8_t want[SHA256_SIZE], struct err *e)
{
	uint8_t got[SHA256_SIZE];
	char got_hex[SHA256_HEX], want_hex[SHA256_HEX];

	sha256_end(d->hash, got);
	if (memcmp(got, want, SHA256_SIZE) == 0) {
		return 0;
	}
	hex_put(got_hex, got, SHA256_SIZE);
	hex_put(want_hex, want, SHA256_SIZE);
	return err_bad(e, "wrong sha256: '%s' was wanted, and the %llu bytes that came have '%s'",
		       want_hex, (unsigned long long)d->got, got_hex);
}

/* One try. `again` says whether another one makes sense. */
static int fetch_once(const char *url, const uint8_t want[SHA256_SIZE], const char *path,
		      bool *again, struct err *e)
{
	struct err writing = ERR_INIT;
	struct download d = { .path = path, .e = &writing };
	char message[CURL_ERROR_SIZE] = "";
	CURL *h = NULL;
	CURLcode code;
	long status = 0;
	int rc = -1;

	*again = false;
	if (file_draft_open(&d.draft, path, e) < 0) {
		return -1;
	}
	d.hash = sha256_new();
	sha256_begin(d.hash);
	h = lib.easy_init();
	if (!h || !set_options(h, url, &d, message)) {
		err_fail(e, "libcurl refuses the download%s%s", *message ? ": " : "", message);
		goto out;
	}
	code = lib.easy_perform(h);
	lib.easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK) {
		*again = !err_is(&writing) && is_transient(code, status);
		download_error(code, status, message, &d, e);
		goto out;
	}
	if (check_hash(&d, want, e) < 0) {
		goto out;
	}
	rc = file_draft_publish(&d.draft, true, e);
out:
	if (h) {
		lib.easy_cleanup(h);
	}
	sha256_free(d.hash);
	file_draft_drop(&d.draft);
	return rc;
}

int fetch_file(const char *url, const char *sha256, const char *path, struct err *e)
{
	struct err fault = ERR_INIT;
	uint8_t want[SHA256_SIZE];
	char *shown;
	int rc = -1;
	bool again = true;

	if (!fetch_url_allowed(url)) {
		rc = err_bad(&fault, "only http and https are fetched");
		goto out;
	}
	if (strlen(sha256) != SHA256_HEX - 1 || !hex_get(sha256, SHA256_HEX - 1, want)) {
		rc = err_bad(&fault, "'%s' is no sha256: it has 64 hexadecimal digits", sha256);
		goto out;
	}
	if (lib_open(&fault) < 0) {
		goto out;
	}
	for (int try = 1; rc < 0 && again && try <= TRIES; try++) {
		const struct timespec pause = { try - 1, 0 };

		if (try > 1) {
			nanosleep(&pause, NULL);
		}
		err_clear(&fault);
		rc = fetch_once(url, want, path, &again, &fault);
	}
out:
	if (rc < 0 && e && !err_is(e)) {
		shown = fetch_url_public(url);
		*e = fault;
		err_wrap(e, "cannot fetch '%s'", shown);
		free(shown);
	}
	return rc;
}
