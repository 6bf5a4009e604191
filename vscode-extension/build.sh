#!/usr/bin/env bash
# Builds torchlint.vsix: the client as one file, the server with its pure-Python libraries, one package for all platforms.
# Needs node >= 20 and python3 >= 3.10 (or $PYTHON) with pip; packages come from the registries' ordinary clients.
set -euo pipefail
cd "$(dirname "$0")"
pip=("${PYTHON:-python3}" -m pip --quiet --disable-pip-version-check)

[ -d node_modules ] || npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
rm -rf bundled/libs bundled/pip.whl
"${pip[@]}" install --no-compile --no-deps --target bundled/libs --only-binary=:all: --implementation py --platform any --python-version 3.10 \
    pygls==2.1.1 lsprotocol==2025.0.0 cattrs==25.3.0 attrs==25.4.0 typing-extensions==4.15.0 exceptiongroup==1.3.0 pathspec==0.12.1 tomli==2.2.1
"${pip[@]}" install --no-compile --no-deps --target bundled/libs --upgrade ..
rm -rf bundled/libs/bin bundled/libs/*.dist-info/{INSTALLER,RECORD,REQUESTED,direct_url.json}
# libcst has one build for each Python and platform; the extension installs it with this pip where it is missing.
"${pip[@]}" download --no-deps --only-binary=:all: --dest bundled/libs pip==26.3
mv bundled/libs/pip-*.whl bundled/pip.whl
# VS Code shows the pictures of an extension's page only from the web or out of the text itself.
mkdir -p dist
"${PYTHON:-python3}" - > dist/README.md << 'EOF'
import base64, pathlib, re

def embedded(found):
    return f"![{found[1]}](data:image/png;base64,{base64.b64encode(pathlib.Path(found[2]).read_bytes()).decode()})"

print(re.sub(r"!\[([^]]*)\]\(([^)]+\.png)\)", embedded, pathlib.Path("README.md").read_text("utf-8")), end="")
EOF
npm run --silent package < /dev/null
