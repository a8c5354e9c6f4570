// The page's own modules, imported as they are from a copy whose folder says that they are ES modules; and what the
// Python test gives. They need no more of a browser to be imported than this.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.env.STRIVELM_SCRIPTS;

globalThis.location = { search: "", hash: "", pathname: "/", href: "http://localhost/" };
globalThis.window = globalThis;

const theme = { dark: false };
globalThis.document = {
  body: { classList: { contains: (name) => name === "dark" && theme.dark } },
  querySelector: () => null,
};

const modules = (name) => import(pathToFileURL(join(folder, `${name}.js`)));
const given = () => JSON.parse(readFileSync(join(folder, "given.json"), "utf8"));
const write = (name, text) => writeFileSync(join(folder, name), text);

export { modules, given, write, theme };
