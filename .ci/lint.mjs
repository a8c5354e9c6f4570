// Lints what the browser runs: `node lint.mjs BUNDLES MODULE…`, the folder that bundles.py wrote, and ES modules.
//
// A part that several views share may hold what only some of them use: an unused name counts where none uses it.
import fs from "node:fs";
import path from "node:path";
import js from "@eslint/js";
import { ESLint } from "eslint";
import globals from "globals";

const [folder, ...modules] = process.argv.slice(2);
const GIVEN = ["element", "props", "watch", "trigger", "server", "strivelm"];

const linter = (sourceType, given) =>
  new ESLint({
    overrideConfigFile: true,
    overrideConfig: [
      js.configs.recommended,
      {
        languageOptions: {
          sourceType,
          globals: { ...globals.browser, ...Object.fromEntries(given.map((name) => [name, "readonly"])) },
        },
        rules: {
          "no-unused-vars": ["error", { caughtErrors: "none", argsIgnorePattern: "^_" }],
          "no-var": "error",
          "prefer-const": "error",
          eqeqeq: ["error", "smart"],
        },
      },
    ],
  });

// The messages of all files by place in the source: { where, message, rule, seen: in how many bundles }.
const found = new Map();
const bundlesOf = new Map();

const note = (where, message, rule, part) => {
  const key = `${where} ${message}`;
  const seen = (found.get(key)?.seen ?? 0) + 1;
  found.set(key, { where, message, rule, part, seen });
};

const views = linter("commonjs", GIVEN); // the body of a function: `return` may stand at its top
for (const name of fs.readdirSync(folder).sort()) {
  const text = fs.readFileSync(path.join(folder, name), "utf8");
  const starts = text.split("\n").flatMap((line, i) => (line.startsWith("// @part ") ? [[i + 1, line.slice(9)]] : []));
  for (const [, part] of starts) bundlesOf.set(part, (bundlesOf.get(part) ?? 0) + 1);
  for (const result of await views.lintText(text)) {
    for (const { line, message, ruleId } of result.messages) {
      const [start, part] = starts.findLast(([first]) => first <= line) ?? [0, name];
      note(`${part}:${line - start}`, message, ruleId, part);
    }
  }
}

const shared = linter("module", []);
for (const file of modules) {
  for (const result of await shared.lintText(fs.readFileSync(file, "utf8"))) {
    for (const { line, message, ruleId } of result.messages) note(`${file}:${line}`, message, ruleId, file);
  }
}

const wrong = [...found.values()].filter(
  ({ rule, part, seen }) => rule !== "no-unused-vars" || seen === (bundlesOf.get(part) ?? 1),
);
for (const { where, message, rule } of wrong) console.log(`${where} ${message} (${rule})`);
console.log(`${bundlesOf.size} parts in ${fs.readdirSync(folder).length} views and ${modules.length} modules linted`);
process.exitCode = wrong.length ? 1 : 0;
