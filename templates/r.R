# SPDX-License-Identifier: MIT
# ppgen-name: r
# ppgen-title: R
# ppgen-interpreter: Rscript
# ppgen-form: FILE.R:FUNCTION
# ppgen-files: {}.R {}.r
# ppgen-import: ^[^#\n]*\b(?:sys\.)?source[ \t]*\([ \t]*(?:file[ \t]*=[ \t]*)?["'](?<modules>[^"'\n,]+)["']
# ppgen-fork: no
