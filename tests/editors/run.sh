#!/usr/bin/env bash
# Tests torchlint in real editors, with the configuration that docs/editors/ tells people to write.
# usage: tests/editors/run.sh [--require] [TARGET...]
#
#   vsix            the contents of the extension's package
#   nvim            Neovim, the system's (0.7 in Debian 12) and 0.11
#   emacs           Emacs with eglot
#   helix           Helix 25.01, in a terminal
#   vim             Vim with ALE, in a terminal
#   jupyterlab      JupyterLab with jupyterlab-lsp
#   exthost         the extension inside VS Code 1.100: settings, commands, code actions, notebooks, interpreters
#   vscode          the extension as a person sees it in VS Code 1.100, and what goes wrong as a person sees it
#   current-vscode  exthost and vscode in VS Code 1.139 (0.8 GB)
#   theia           the extension in Eclipse Theia (1 GB)
#
# Without a target: the first eight. What an editor needs is fetched from Debian (as root), PyPI and npm and kept in
# ${XDG_CACHE_HOME:-~/.cache}/torchlint-editors ($TORCHLINT_EDITORS names another folder); logs and screenshots lie in its
# folder `out`. An editor that cannot be had is skipped and said so; with --require that is a failure.
set -uo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(dirname "$(dirname "$HERE")")"
CACHE="${TORCHLINT_EDITORS:-${XDG_CACHE_HOME:-$HOME/.cache}/torchlint-editors}"
OUT="$CACHE/out"
PYTHON="${PYTHON:-python3}"
mkdir -p "$OUT"
exec 9> "$CACHE/lock"
command -v flock > /dev/null && flock 9 # one run at a time: each brings in this checkout's torchlint
export PYTHON PYTHONDONTWRITEBYTECODE=1
unset PYTHONPATH

require=""
[ "${1:-}" = --require ] && { require=yes; shift; }
[ $# -gt 0 ] || set -- vsix nvim emacs helix vim jupyterlab exthost vscode

# What each target needs, and how it is run.
needs() {
    case "$1" in
        vsix) echo vsix ;;
        nvim) echo torchlint neovim ;;
        emacs) echo torchlint emacs ;;
        helix) echo torchlint helix ;;
        vim) echo torchlint vim ;;
        jupyterlab) echo torchlint browser jupyterlab ;;
        exthost | vscode) echo vsix torchlint bare-python browser code-server ;;
        current-vscode) echo vsix torchlint bare-python browser code-server=4.139.1 ;;
        theia) echo vsix torchlint browser theia ;;
        *) echo "unknown target $1" >&2; exit 2 ;;
    esac
}

test_vsix() { "$PYTHON" "$HERE/vsix.py" "$ROOT/vscode-extension/torchlint.vsix"; }

test_nvim() { nvim_with "$(command -v nvim)" 2 && nvim_with "$CACHE/neovim/nvim" 1; }

test_emacs() {
    local work
    work="$(project)"
    { "$PYTHON" "$HERE/block.py" emacs elisp 1 && "$PYTHON" "$HERE/block.py" emacs elisp 2; } > "$work/config.el" || return 1
    HOME="$work" CONFIG="$work/config.el" FILE="$work/examples/train.py" timeout 180 emacs --batch -l "$HERE/emacs.el" 2> "$work/messages" \
        || { tail -n 5 "$work/messages"; return 1; }
    on_disk "$work"
}

test_helix() {
    local work
    work="$(project)"
    mkdir -p "$work/.config/helix"
    "$PYTHON" "$HERE/block.py" helix toml > "$work/.config/helix/languages.toml" || return 1
    export PATH="$CACHE/helix:$PATH"
    hx --version | sed 's/^/  /'
    HOME="$work" XDG_CONFIG_HOME='' hx --health python | grep -q "torchlint: .*bin/torchlint" || { echo "FAIL hx --health python does not find the server"; return 1; }
    "$PYTHON" "$HERE/terminal.py" helix "$work" "$OUT/helix.txt" || { tail -n 5 "$work/.cache/helix/helix.log"; return 1; }
    on_disk "$work"
}

test_vim() {
    local work
    work="$(project)"
    mkdir -p "$work/.vim/ale_linters/python"
    "$PYTHON" "$HERE/block.py" vim vim 1 > "$work/.vim/ale_linters/python/torchlint.vim" || return 1
    "$PYTHON" "$HERE/block.py" vim vim 2 > "$work/.vimrc" || return 1
    "$PYTHON" "$HERE/terminal.py" vim "$work" "$OUT/vim.txt" && on_disk "$work"
}

test_jupyterlab() {
    local work
    work="$(project)"
    mkdir -p "$work/config/jupyter_server_config.d"
    "$PYTHON" "$HERE/block.py" jupyterlab json > "$work/config/jupyter_server_config.d/torchlint.json" || return 1
    timeout 240 node "$HERE/jupyterlab.mjs" "$work" "$OUT/jupyterlab"
}

test_exthost() { in_vscode 4.100.3 exthost; }

test_vscode() { in_vscode 4.100.3 ui controls untrusted; }

test_current-vscode() { in_vscode 4.139.1 exthost ui controls untrusted; }

test_theia() { timeout 300 node "$HERE/theia.mjs" "$CACHE/theia" "$CACHE/vsix/extension" "$ROOT/examples" "$OUT/theia"; }

# in_vscode VERSION SCRIPT...: a person has a plain Python on the PATH, without libcst or anything else.
in_vscode() {
    local version="$1" script failed=""
    shift
    for script in "$@"; do
        PATH="$CACHE/bare-python/bin:$PATH" CODE_SERVER="$CACHE/code-server-$version" \
            timeout 400 node "$ROOT/vscode-extension/test/$script.mjs" "$OUT/$script-$version" || failed=yes
    done
    [ -z "$failed" ]
}

# project: a new folder with a copy of the examples.
project() {
    local work
    work="$(mktemp -d "$CACHE/work.XXXXXX")"
    cp -r "$ROOT/examples" "$work/examples"
    echo "$work"
}

# nvim_with NVIM BLOCK: the block of the page is the user's whole init.lua.
nvim_with() {
    local work
    work="$(project)"
    mkdir -p "$work/config/nvim"
    "$PYTHON" "$HERE/block.py" neovim lua "$2" > "$work/config/nvim/init.lua" || return 1
    (
        cd "$work/examples" || exit 1
        export HOME="$work" XDG_CONFIG_HOME="$work/config" XDG_DATA_HOME="$work/data" XDG_STATE_HOME="$work/state" XDG_CACHE_HOME="$work/cache"
        timeout 180 "$1" --headless train.py -c "luafile $HERE/nvim.lua" 2>&1
    ) || { find "$work" -name lsp.log -exec tail -n 5 {} \;; return 1; }
    on_disk "$work"
}

# on_disk FOLDER: the saved files have the fixes; the command line agrees that the findings are gone.
on_disk() {
    grep -q "copy.deepcopy(model.state_dict())" "$1/examples/train.py" || { echo "FAIL train.py was not saved with the fix"; return 1; }
    local left
    left="$("$CACHE/torchlint/bin/torchlint" check "$1/examples" --output-format concise)"
    if grep -qE "train.py.*state-dict-alias-snapshot|engine.py.*tensor-created-on-cpu" <<< "$left"; then
        echo "FAIL findings that were fixed are still there: $left"
        return 1
    fi
    echo "  the fixes on disk"
    rm -rf "$1"
}

passed=() failed=() skipped=()
for target in "$@"; do
    wanted="$(needs "$target")" || exit 2
    start=$SECONDS
    reason=""
    for thing in $wanted; do
        # each thing is brought in once in a run
        [[ " ${ready:-} " = *" $thing "* ]] && continue
        if ! "$HERE/setup.sh" "$CACHE" "$thing" > "$OUT/setup-$thing.log" 2>&1 9>&-; then
            reason="$thing: $(tail -n 1 "$OUT/setup-$thing.log")"
            break
        fi
        ready="${ready:-} $thing"
    done
    installed=$((SECONDS - start))
    if [ -n "$reason" ]; then
        if [ -n "$require" ]; then
            echo "$target: FAILED, it cannot run here: $reason"
            tail -n 12 "$OUT/setup-$thing.log"
            failed+=("$target")
        else
            echo "$target: skipped: $reason"
            skipped+=("$target")
        fi
        continue
    fi
    echo "$target:"
    if PATH="$CACHE/torchlint/bin:$PATH" "test_$target" 2>&1 9>&- | tee "$OUT/$target.log"; then
        echo "$target: passed (set up in $installed s, ran in $((SECONDS - start - installed)) s)"
        passed+=("$target")
    else
        echo "$target: FAILED (the log is $OUT/$target.log)"
        failed+=("$target")
    fi
done
echo "editors: ${#passed[@]} passed, ${#failed[@]} failed, ${#skipped[@]} skipped${skipped:+ (${skipped[*]})}"
[ ${#failed[@]} -eq 0 ]
