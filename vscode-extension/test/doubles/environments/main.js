const vscode = require("vscode");

exports.activate = () => {
  let selected;
  const changed = new vscode.EventEmitter();
  vscode.commands.registerCommand("double.environments.select", (path) => {
    selected = path;
    changed.fire({});
  });
  return {
    onDidChangeEnvironment: changed.event,
    getEnvironment: async () => selected && { execInfo: { run: { executable: selected } } },
  };
};
