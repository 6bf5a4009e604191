import * as vscode from "vscode";

const SCHEME = "torchlint";

/** Read-only pages in the editor: the manual of a rule, the result of its experiment, what to send with a bug report. */
export class Pages implements vscode.TextDocumentContentProvider {
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;

  register(): vscode.Disposable {
    return vscode.Disposable.from(vscode.workspace.registerTextDocumentContentProvider(SCHEME, this), this.changed);
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.path) ?? "";
  }

  /** Shows a page; Markdown as its preview, where the editor has one. */
  async show(name: string, text: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${name}` });
    this.texts.set(uri.path, text);
    this.changed.fire(uri);
    if (name.endsWith(".md")) {
      try {
        return await vscode.commands.executeCommand("markdown.showPreviewToSide", uri);
      } catch {
        // no Markdown extension: the text itself is readable
      }
    }
    const isPage = ({ input }: vscode.Tab) => input instanceof vscode.TabInputText && input.uri.scheme === SCHEME;
    const viewColumn = vscode.window.tabGroups.all.find(({ tabs }) => tabs.some(isPage))?.viewColumn ?? vscode.ViewColumn.Beside;
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: true, viewColumn });
  }
}
