import { once } from "node:events";
import { parseArgs } from "node:util";
import type { Deflate, Handshake } from "../cases.ts";
import { Generator, type LoadOptions } from "./generate.ts";
import type { Mode } from "./workloads.ts";

/*
 * The load generator as a program: puts one load on one server and prints one line of JSON (`LoadResult`).
 *
 *   node dist/bench/load/main.js --port 7681 --mode echo --connections 64 --bytes 20 --depth 1 --seconds 2
 *
 * `--mode http --path /x` asks for the path in plain HTTP, one request in flight on each connection.
 * `--mode idle` prints `{"opened":N}` instead and holds the connections until its input ends.
 */

const text = (value: string) => ({ type: "string", default: value }) as const;

function readOptions(args: string[]): LoadOptions {
  const { values } = parseArgs({
    args,
    options: {
      port: text("7681"),
      mode: text("echo"),
      connections: text("64"),
      bytes: text("20"),
      depth: text("1"),
      seconds: text("2"),
      warmup: text("0.3"),
      pid: text("0"),
      subprotocol: text(""),
      loop: text("auto"),
      deflate: text(""),
      path: text("/"),
      tls: text(""),
      exchanged: text("0"),
    },
  });
  return {
    port: Number(values.port),
    mode: values.mode as Mode,
    connections: Number(values.connections),
    bytes: Number(values.bytes),
    depth: Number(values.depth),
    seconds: Number(values.seconds),
    warmupSeconds: Number(values.warmup),
    pid: Number(values.pid),
    subprotocol: values.subprotocol,
    loop: values.loop as LoadOptions["loop"],
    ...(values.deflate === "" ? undefined : { deflate: values.deflate as Deflate }),
    ...(values.mode === "http" ? { path: values.path } : undefined),
    ...(values.tls === "" ? undefined : { tls: values.tls as Handshake }),
    exchanged: Number(values.exchanged),
  };
}

const options = readOptions(process.argv.slice(2));
const generator = new Generator(options);
const opened = await generator.open();
if (options.mode === "idle") {
  await generator.exchange();
  console.log(JSON.stringify({ opened }));
  process.stdin.resume();
  await once(process.stdin, "end");
} else {
  console.log(JSON.stringify(await generator.measure()));
}
process.exit(0);
