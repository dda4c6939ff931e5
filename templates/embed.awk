# SPDX-License-Identifier: MIT
#
# Makes of the templates' files, given in any order, a C file that holds them, sorted by name: a copy of the one program works
# anywhere. Usage: LC_ALL=C awk -f embed.awk templates/*.tmpl >templates_builtin.c

# A line as the inside of a C string; '?' is escaped because of trigraphs.
function quoted(line) {
	gsub(/[\\"?]/, "\\\\&", line)
	gsub(/\t/, "\\t", line)
	return "\t\"" line "\\n\"\n"
}

FNR == 1 {
	name = FILENAME
	sub(/.*\//, "", name)
	sub(/\.tmpl$/, "", name)
	names[++n] = name
}

{ text[name] = text[name] quoted($0) }

END {
	for (i = 2; i <= n; i++)
		for (k = i; k > 1 && names[k] < names[k - 1]; k--) {
			swap = names[k]
			names[k] = names[k - 1]
			names[k - 1] = swap
		}
	print "/* SPDX-License-Identifier: MIT */"
	print "/* Made from templates/ by templates/embed.awk. */"
	print "#include \"gen/template_internal.h\"\n"
	for (i = 1; i <= n; i++)
		printf "static const char text_%d[] = /* %s */\n%s\t\"\";\n\n", i, names[i], text[names[i]]
	print "const struct template_builtin template_builtins[] = {"
	for (i = 1; i <= n; i++)
		printf "\t{ \"%s\", text_%d, sizeof text_%d - 1 },\n", names[i], i, i
	print "\t{ 0 },\n};"
}
