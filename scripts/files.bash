# SPDX-License-Identifier: Apache-2.0
# The project's own files by kind, for checks that read sources: what git keeps, or would if added.

list() { git ls-files -co --exclude-standard --deduplicate -- "$@" | while read -r file; do
    if [ -f "$file" ]; then echo "$file"; fi
done; }

mapfile -t cpp_files < <(list '*.cpp' '*.hpp')
mapfile -t erlang_files < <(list '*.erl' '*.hrl' '*.app.src' rebar.config)
mapfile -t gleam_files < <(list '*.gleam')
mapfile -t shell_files < <(list '*.bash' 'test/step/[0-9]*' test/run .ci/run scripts |
    while read -r file; do if head -n 1 "$file" | grep -qE 'bash|SPDX' && [ "${file##*.}" != mjs ] &&
        [ "${file##*.}" != js ] && [ "${file##*.}" != erl ]; then echo "$file"; fi; done)
mapfile -t elixir_files < <(list '*.ex' '*.exs')
mapfile -t make_files < <(list 'Makefile' '*/Makefile')
source_files=("${cpp_files[@]}" "${erlang_files[@]}" "${gleam_files[@]}" "${shell_files[@]}"
    "${elixir_files[@]}" "${make_files[@]}")
