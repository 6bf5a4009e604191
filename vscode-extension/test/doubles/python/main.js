const vscode = require("vscode");

exports.activate = () => {
  let selected = process.env.TORCHLINT_TEST_PYTHON;
  const changed = new vscode.EventEmitter();
  const environment = (path) => ({ id: path, path });
  vscode.commands.registerCommand("double.python.select", (path) => {
    selected = path;
    changed.fire({ ...environment(path), resource: undefined });
  });
  return {
    ready: Promise.resolve(),
    environments: {
      known: [],
      onDidChangeActiveEnvironmentPath: changed.event,
      getActiveEnvironmentPath: () => environment(selected),
      resolveEnvironment: async ({ path }) => ({ ...environment(path), executable: { uri: vscode.Uri.file(path) } }),
    },
  };
};
