# SPDX-License-Identifier: MIT
# ppgen-name: python
# ppgen-title: Python
# ppgen-interpreter: python3
# ppgen-form: MODULE:FUNCTION or FILE.py:FUNCTION
# ppgen-files: {}.py {}/__init__.py
# ppgen-import: (?:^(?:[^#\n"']*[:;])?|\G;)[ \t]*(?:from[ \t]+(?<within>[.\w]+)[ \t]+import\b[ \t]*(?<names>\([^)]*\)|(?:[^#;\n\\]|\\\n)*)|import[ \t]+(?<modules>(?:[^#;\n\\]|\\\n)+))
# ppgen-fork: yes
