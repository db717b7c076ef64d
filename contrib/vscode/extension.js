// Starts `keepwell lsp` for the folder that is open, and ends it with the window.

const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

exports.activate = async () => {
  const settings = workspace.getConfiguration("keepwell");
  const server = {
    command: settings.get("command"),
    args: ["lsp", ...settings.get("arguments")],
    options: { cwd: workspace.workspaceFolders?.[0]?.uri.fsPath },
  };
  const documentSelector = [
    { scheme: "file", pattern: "**/playbooks/**/*.{yaml,yml}" },
    { scheme: "file", pattern: "**/scripts/*.rhai" },
    { scheme: "file", pattern: "**/keepwell.yaml" },
  ];
  client = new LanguageClient("keepwell", "Keepwell", server, { documentSelector });
  await client.start();
};

exports.deactivate = () => client?.stop();
