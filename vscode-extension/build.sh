#!/usr/bin/env bash
# Builds torchlint.vsix: the client as one file, the server with its pure-Python libraries, one package for all platforms.
# Needs node >= 20 and python3 >= 3.10 with pip; packages come from the registries' ordinary clients.
set -euo pipefail
cd "$(dirname "$0")"

[ -d node_modules ] || npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
rm -rf bundled/libs
python3 -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --target bundled/libs --only-binary=:all: \
    --implementation py --platform any --python-version 3.10 \
    pygls==2.1.1 lsprotocol==2025.0.0 cattrs==25.3.0 attrs==25.4.0 typing-extensions==4.15.0 exceptiongroup==1.3.0 pathspec==0.12.1 tomli==2.2.1
python3 -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --target bundled/libs --upgrade ..
rm -rf bundled/libs/bin
npm run --silent package < /dev/null
