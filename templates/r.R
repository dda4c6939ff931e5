# SPDX-License-Identifier: MIT
# ppgen-name: r
# ppgen-title: R
# ppgen-interpreter: Rscript
# ppgen-form: FILE.R:FUNCTION
# ppgen-show: -e
# ppgen-show-module: print({module}::{function}({arguments}))
# ppgen-show-file: source({file}); print({function}({arguments}))
# ppgen-literals: TRUE FALSE c( ) list( ) list( )
# ppgen-files: {}.R {}.r
# ppgen-import: ^[^#\n]*\b(?:sys\.)?source[ \t]*\([ \t]*(?:file[ \t]*=[ \t]*)?["'](?<modules>[^"'\n,]+)["']
# ppgen-fork: no
