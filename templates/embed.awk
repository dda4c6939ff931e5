# SPDX-License-Identifier: MIT
#
# Makes of the files in templates/, given in any order, a C file that holds them, sorted by name: a copy of the one program works
# anywhere. What ends in .tmpl is a scheduler; every other file is a language, whose facts stand in its head as "# ppgen-NAME: value".
# Usage: LC_ALL=C awk -f embed.awk templates/*.tmpl templates/python.py >templates_builtin.c

# A line as the inside of a C string; '?' is escaped because of trigraphs.
function escaped(line) {
	gsub(/[\\"?]/, "\\\\&", line)
	gsub(/\t/, "\\t", line)
	return line
}

function sort(list, n, i, k, swap) {
	for (i = 2; i <= n; i++)
		for (k = i; k > 1 && list[k] < list[k - 1]; k--) {
			swap = list[k]
			list[k] = list[k - 1]
			list[k - 1] = swap
		}
}

function put_text(kind, i, name) {
	printf "static const char %s_%d[] = /* %s */\n%s\t\"\";\n\n", kind, i, name, text[kind, name]
}

# A fact as a C string.
function fact(name, what) {
	if (!((name, what) in facts)) {
		print "embed.awk: the language file " file[name] " lacks '# ppgen-" what ": ...'" >"/dev/stderr"
		bad = 1
	}
	return "\"" escaped(facts[name, what]) "\""
}

# A fact's name as C has it.
function member(what) {
	gsub(/-/, "_", what)
	return what
}

BEGIN { n_facts = split("name title interpreter form show show-module show-file literals files import", wanted, " ") }

FNR == 1 {
	name = FILENAME
	sub(/.*\//, "", name)
	kind = name ~ /\.tmpl$/ ? "template" : "language"
	sub(/\.[^.]*$/, "", name)
	if (kind == "template")
		templates[++n_templates] = name
	else
		languages[++n_languages] = name
	file[name] = FILENAME
	head = 1
}

kind == "language" && head && match($0, /^# ppgen-[a-z-]+: /) {
	facts[name, substr($0, 9, RLENGTH - 10)] = substr($0, RLENGTH + 1)
}

!/^#/ { head = 0 }

{ text[kind, name] = text[kind, name] "\t\"" escaped($0) "\\n\"\n" }

END {
	sort(templates, n_templates)
	sort(languages, n_languages)
	print "/* SPDX-License-Identifier: MIT */"
	print "/* Made from templates/ by templates/embed.awk. */"
	print "#include \"gen/language_internal.h\""
	print "#include \"gen/template_internal.h\"\n"
	for (i = 1; i <= n_templates; i++)
		put_text("template", i, templates[i])
	for (i = 1; i <= n_languages; i++)
		put_text("language", i, languages[i])
	print "const struct template_builtin template_builtins[] = {"
	for (i = 1; i <= n_templates; i++)
		printf "\t{ \"%s\", template_%d, sizeof template_%d - 1 },\n", templates[i], i, i
	print "\t{ 0 },\n};\n"
	print "const struct language language_builtins[] = {"
	for (i = 1; i <= n_languages; i++) {
		print "\t{"
		for (k = 1; k <= n_facts; k++)
			printf "\t\t.%s = %s,\n", member(wanted[k]), fact(languages[i], wanted[k])
		fork = fact(languages[i], "fork")
		if (fork != "\"yes\"" && fork != "\"no\"") {
			print "embed.awk: 'ppgen-fork' of " file[languages[i]] " is neither yes nor no" >"/dev/stderr"
			bad = 1
		}
		printf "\t\t.fork = %s,\n", fork == "\"yes\"" ? "true" : "false"
		printf "\t\t.text = language_%d,\n\t\t.len = sizeof language_%d - 1,\n\t},\n", i, i
	}
	print "\t{ 0 },\n};"
	exit bad
}
