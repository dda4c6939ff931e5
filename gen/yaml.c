/* SPDX-License-Identifier: MIT */
/*
 * From libyaml's events to a tree. The stack of open collections is an array of its own, so depth
 * costs no C stack; an alias is the very node of its anchor, and what it would expand to is only
 * counted.
 */
#include "gen/yaml.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gen/yaml_internal.h"

#define TAG_STR "tag:yaml.org,2002:str"

/* A node, with what an alias to it costs. */
struct built {
	struct node n;
	size_t size;  /* nodes when expanded */
	size_t depth; /* levels of collections, itself included */
};

/* A collection whose end has not come. */
struct frame {
	struct built *node;
	struct node **items, **keys;
	size_t n, cap;
	struct node *key; /* of a map: the key whose value comes next */
	size_t merges;    /* keys that are << */
};

struct build {
	struct arena *a;
	struct diags *d;
	const char *origin, *text;
	size_t len;
	yaml_parser_t parser;
	struct frame stack[YAML_DEPTH_MAX];
	size_t depth;
	struct built *root;
	struct yaml_names anchors, keys;
	size_t nodes, documents;
	/* A place in the text that only moves on: where the last scalar ended. */
	size_t at, line, col;
};

static int mark_line(const yaml_mark_t *m)
{
	return (int)m->line + 1;
}

static int mark_col(const yaml_mark_t *m)
{
	return (int)m->column + 1;
}

#define AT_MARK(b, m) (b)->d, (b)->origin, mark_line(m), mark_col(m)

static struct built *node_new(struct build *b, enum node_kind kind, const yaml_mark_t *m)
{
	struct built *t = arena_alloc(b->a, sizeof *t);

	t->n.kind = kind;
	t->n.line = mark_line(m);
	t->n.col = mark_col(m);
	t->n.origin = b->origin;
	t->n.text = "";
	t->size = 1;
	t->depth = kind == NODE_SCALAR ? 0 : 1;
	b->nodes++;
	return t;
}

/* Moves the cursor on to a mark that is not in front of it. */
static size_t cursor_to(struct build *b, const yaml_mark_t *m)
{
	while (b->at < b->len &&
	       (b->line < m->line || (b->line == m->line && b->col < m->column))) {
		const char c = b->text[b->at++];

		if (c == '\n' || (c == '\r' && (b->at == b->len || b->text[b->at] != '\n'))) {
			b->line++;
			b->col = 0;
		} else {
			b->col++;
			while (b->at < b->len && ((unsigned char)b->text[b->at] & 0xc0) == 0x80)
				b->at++;
		}
	}
	return b->at;
}

/* Whether " #" and then no blank follows the scalar that ended at m. */
static bool comment_cuts(struct build *b, const yaml_mark_t *m)
{
	size_t i = cursor_to(b, m);
	const size_t from = i;

	while (i < b->len && (b->text[i] == ' ' || b->text[i] == '\t'))
		i++;
	return i > from && i + 1 < b->len && b->text[i] == '#' &&
	       !strchr("# \t\r\n!", b->text[i + 1]);
}

/* A tag forces text (!!str, !) or is not for us. */
static void tag_check(struct build *b, const yaml_char_t *tag, const yaml_mark_t *m, struct node *n)
{
	const char *t = (const char *)tag;

	if (!t)
		return;
	if (n->kind == NODE_SCALAR && (strcmp(t, "!") == 0 || strcmp(t, TAG_STR) == 0))
		n->quoted = true;
	else
		diag_error(AT_MARK(b, m), "the tag '%s' is not known here: only '!!str' is",
			   strncmp(t, "tag:yaml.org,2002:", 18) == 0 ? t + 18 : t);
}

static struct built *scalar_new(struct build *b, const yaml_event_t *ev)
{
	static const char styles[] = {
		[YAML_PLAIN_SCALAR_STYLE] = ' ',         [YAML_SINGLE_QUOTED_SCALAR_STYLE] = '\'',
		[YAML_DOUBLE_QUOTED_SCALAR_STYLE] = '"', [YAML_LITERAL_SCALAR_STYLE] = '|',
		[YAML_FOLDED_SCALAR_STYLE] = '>',
	};
	struct built *t = node_new(b, NODE_SCALAR, &ev->start_mark);
	const bool decorated = ev->data.scalar.anchor || ev->data.scalar.tag;

	t->n.len = ev->data.scalar.length;
	t->n.text = arena_dupn(b->a, (const char *)ev->data.scalar.value, t->n.len);
	t->n.style = styles[ev->data.scalar.style];
	t->n.quoted = t->n.style != ' ';
	t->n.one_line = ev->start_mark.line == ev->end_mark.line && !decorated;
	if (t->n.style == ' ' && t->n.len)
		t->n.cut = comment_cuts(b, &ev->end_mark);
	tag_check(b, ev->data.scalar.tag, &ev->start_mark, &t->n);
	if (memchr(t->n.text, '\0', t->n.len))
		diag_error(AT_MARK(b, &ev->start_mark), "a text cannot hold a NUL character");
	return t;
}

/* Gives a node its anchor. An anchor that is given again means the newer node from there on. */
static void anchor_put(struct build *b, const yaml_char_t *anchor, struct built *t)
{
	char *name;

	if (!anchor)
		return;
	name = arena_dup(b->a, (const char *)anchor);
	yaml_names_grow(&b->anchors);
	yaml_names_put(&b->anchors, name, strlen(name), &t->n);
}

static bool is_open(const struct build *b, const struct built *t)
{
	for (size_t i = 0; i < b->depth; i++)
		if (b->stack[i].node == t)
			return true;
	return false;
}

/* The node that an alias means; NULL when there is none, complained of. */
static struct built *alias_node(struct build *b, const yaml_event_t *ev)
{
	const char *name = (const char *)ev->data.alias.anchor;
	struct built *t = NULL;

	if (b->anchors.n)
		t = (struct built *)yaml_names_slot(&b->anchors, name, strlen(name))->node;
	if (!t)
		diag_error(AT_MARK(b, &ev->start_mark), "no anchor '&%s' stands in front of '*%s'",
			   name, name);
	else if (is_open(b, t)) {
		diag_error(AT_MARK(b, &ev->start_mark), "'*%s' stands within what it means", name);
		t = NULL;
	}
	return t;
}

static bool is_merge(const struct node *key)
{
	return key->style == ' ' && text_eq(key->text, key->len, "<<");
}

/* A key: a scalar, and no merge key more than once. */
static struct node *key_take(struct build *b, struct frame *f, struct built *t,
			     const yaml_mark_t *m)
{
	if (t->n.kind != NODE_SCALAR) {
		diag_error(AT_MARK(b, m),
			   "a key must be text: a value that begins with '%c' must be in quotes",
			   t->n.kind == NODE_MAP ? '{' : '[');
		t = node_new(b, NODE_SCALAR, m);
		t->n.quoted = true;
		t->n.style = '"';
		return &t->n;
	}
	if (is_merge(&t->n))
		f->merges++;
	return &t->n;
}

static void entry_add(struct frame *f, struct node *key, struct node *item)
{
	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 8;
		f->items = mem_resize(f->items, f->cap, sizeof *f->items);
		f->keys = mem_resize(f->keys, f->cap, sizeof *f->keys);
	}
	f->items[f->n] = item;
	f->keys[f->n++] = key;
}

/* Hangs a finished or just opened node into the collection that is open. */
static void node_hang(struct build *b, struct built *t, const yaml_mark_t *m)
{
	struct frame *f;

	if (!b->depth) {
		b->root = t;
		return;
	}
	f = &b->stack[b->depth - 1];
	if (f->node->n.kind == NODE_MAP && !f->key) {
		f->key = key_take(b, f, t, m);
		return;
	}
	entry_add(f, f->key, &t->n);
	f->key = NULL;
}

/* Adds a finished child's cost to the collection that is open. -1 when that is too much. */
static int cost_add(struct build *b, const struct built *t, const yaml_mark_t *m)
{
	struct built *parent;

	if (!b->depth)
		return 0;
	parent = b->stack[b->depth - 1].node;
	parent->size += t->size;
	if (parent->depth <= t->depth)
		parent->depth = t->depth + 1;
	if (parent->size > YAML_NODES_MAX)
		return diag_error(
			AT_MARK(b, m),
			"too large: more than %u values, aliases counted where they stand",
			YAML_NODES_MAX);
	if (b->depth + t->depth > YAML_DEPTH_MAX)
		return diag_error(AT_MARK(b, m), "nested too deeply: more than %d levels",
				  YAML_DEPTH_MAX);
	return 0;
}

static int frame_open(struct build *b, const yaml_event_t *ev)
{
	const bool map = ev->type == YAML_MAPPING_START_EVENT;
	const yaml_char_t *anchor =
		map ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor;
	const yaml_char_t *tag = map ? ev->data.mapping_start.tag : ev->data.sequence_start.tag;
	struct built *t;

	if (b->depth == YAML_DEPTH_MAX)
		return diag_error(AT_MARK(b, &ev->start_mark),
				  "nested too deeply: more than %d levels", YAML_DEPTH_MAX);
	t = node_new(b, map ? NODE_MAP : NODE_SEQ, &ev->start_mark);
	tag_check(b, tag, &ev->start_mark, &t->n);
	anchor_put(b, anchor, t);
	node_hang(b, t, &ev->start_mark);
	b->stack[b->depth++] = (struct frame){ .node = t };
	return 0;
}

static void duplicate(struct build *b, const struct node *key, const struct node *first)
{
	diag_error(b->d, b->origin, key->line, key->col,
		   "the key '%s' is here twice: first in line %d", key->text, first->line);
}

/* Adds those entries of `from` to the frame's output whose keys are not there. */
static int merge_one(struct build *b, struct frame *out, const struct node *from)
{
	if (from->kind != NODE_MAP)
		return -1;
	for (size_t i = 0; i < from->n; i++) {
		struct node *key = from->keys[i];

		yaml_names_grow(&b->keys);
		if (yaml_names_slot(&b->keys, key->text, key->len)->text)
			continue;
		yaml_names_put(&b->keys, key->text, key->len, key);
		entry_add(out, key, from->items[i]);
	}
	return 0;
}

/* Replaces each << by the entries that it brings, at its place. The keys table holds those written
 * out. */
static void merge_all(struct build *b, struct frame *f)
{
	struct frame out = { 0 };

	for (size_t i = 0; i < f->n; i++) {
		const struct node *v = f->items[i];
		int bad = 0;

		if (!is_merge(f->keys[i])) {
			entry_add(&out, f->keys[i], f->items[i]);
		} else if (v->kind == NODE_SEQ) {
			for (size_t k = 0; k < v->n; k++)
				bad |= merge_one(b, &out, v->items[k]);
		} else {
			bad = merge_one(b, &out, v);
		}
		if (bad)
			diag_error(b->d, b->origin, f->keys[i]->line, f->keys[i]->col,
				   "'<<' wants a mapping, or a list of mappings, to merge in");
	}
	free(f->items);
	free(f->keys);
	f->items = out.items;
	f->keys = out.keys;
	f->n = out.n;
}

/* At a map's end: no key twice, and << expanded. */
static void map_finish(struct build *b, struct frame *f)
{
	yaml_names_reset(&b->keys, f->n);
	for (size_t i = 0; i < f->n; i++) {
		struct node *key = f->keys[i];
		struct node *first = yaml_names_put(&b->keys, key->text, key->len, key);

		if (first && (key->len || !key->quoted))
			duplicate(b, key, first);
	}
	if (f->merges)
		merge_all(b, f);
}

static struct node **nodes_keep(struct build *b, struct node **from, size_t n)
{
	struct node **to = arena_alloc(b->a, (n ? n : 1) * sizeof *to);

	if (n)
		memcpy(to, from, n * sizeof *to);
	return to;
}

static int frame_close(struct build *b, const yaml_event_t *ev)
{
	struct frame *f = &b->stack[b->depth - 1];
	struct built *t = f->node;

	if (t->n.kind == NODE_MAP) {
		map_finish(b, f);
		t->n.keys = nodes_keep(b, f->keys, f->n);
	}
	t->n.items = nodes_keep(b, f->items, f->n);
	t->n.n = f->n;
	free(f->items);
	free(f->keys);
	b->depth--;
	return cost_add(b, t, &ev->start_mark);
}

static int event_leaf(struct build *b, const yaml_event_t *ev)
{
	struct built *t;

	if (ev->type == YAML_ALIAS_EVENT) {
		t = alias_node(b, ev);
		if (!t)
			return -1;
	} else {
		t = scalar_new(b, ev);
		anchor_put(b, ev->data.scalar.anchor, t);
	}
	node_hang(b, t, &ev->start_mark);
	return cost_add(b, t, &ev->start_mark);
}

/* 1 at the stream's end, -1 where going on makes no sense. */
static int event_take(struct build *b, const yaml_event_t *ev)
{
	if (b->nodes > YAML_NODES_MAX)
		return diag_error(AT_MARK(b, &ev->start_mark), "too large: more than %u values",
				  YAML_NODES_MAX);
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->documents++)
			return diag_error(
				AT_MARK(b, &ev->start_mark),
				"a second document begins here: one file is one document");
		return 0;
	case YAML_ALIAS_EVENT:
	case YAML_SCALAR_EVENT:
		return event_leaf(b, ev);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return frame_open(b, ev);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return frame_close(b, ev);
	case YAML_STREAM_END_EVENT:
		return 1;
	default:
		return 0;
	}
}

static void build_run(struct build *b)
{
	int rc = 0;

	yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b->parser, (const unsigned char *)b->text, b->len);
	while (rc == 0) {
		yaml_event_t ev;

		if (!yaml_parser_parse(&b->parser, &ev)) {
			yaml_fault(&b->parser, b->text, b->len, b->origin, b->d);
			return;
		}
		rc = event_take(b, &ev);
		yaml_event_delete(&ev);
	}
}

/* Characters that YAML 1.1 readers take for line ends and those of 1.2 do not. */
static int breaks_check(const char *text, size_t len, const char *origin, struct diags *d)
{
	static const struct {
		const char *bytes, *name, *escape;
	} breaks[] = {
		{ "\xc2\x85", "U+0085", "\\N" },
		{ "\xe2\x80\xa8", "U+2028", "\\L" },
		{ "\xe2\x80\xa9", "U+2029", "\\P" },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
		const char *at = memmem(text, len, breaks[i].bytes, strlen(breaks[i].bytes));
		int line, col;

		if (!at)
			continue;
		yaml_place(text, (size_t)(at - text), &line, &col);
		rc = diag_error(
			d, origin, line, col,
			"%s ends a line for some readers of YAML: write \"%s\" in double quotes",
			breaks[i].name, breaks[i].escape);
	}
	return rc;
}

struct node *yaml_parse(struct arena *a, const char *text, size_t len, const char *origin,
			struct diags *d)
{
	const size_t before = diags_errors(d);
	struct build *b;
	struct node *root = NULL;

	if (len > YAML_BYTES_MAX) {
		diag_error(d, origin, 0, 0, "too large: more than %u MiB", YAML_BYTES_MAX >> 20);
		return NULL;
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	if (breaks_check(text, len, origin, d))
		return NULL;
	b = mem_alloc(sizeof *b);
	*b = (struct build){
		.a = a, .d = d, .origin = arena_dup(a, origin), .text = text, .len = len
	};
	if (!yaml_parser_initialize(&b->parser)) {
		diag_error(d, origin, 0, 0, "libyaml cannot be started");
		goto out;
	}
	build_run(b);
	while (b->depth) {
		free(b->stack[--b->depth].items);
		free(b->stack[b->depth].keys);
	}
	yaml_parser_delete(&b->parser);
	if (diags_errors(d) > before)
		goto out;
	if (!b->root || node_is_null(&b->root->n))
		diag_error(d, origin, 1, 1, "there is nothing in it");
	else
		root = &b->root->n;
out:
	yaml_names_free(&b->anchors);
	yaml_names_free(&b->keys);
	free(b);
	return root;
}
