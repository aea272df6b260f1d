import { expect, it } from "vitest";
import { type ContextOptions, createContext } from "../../lib/index.ts";
import { certificate, describeLoops } from "../support/server.ts";

const protocol = { name: "p", callback() {} };

/** Wrong values for each option; the name in the error is the key's last part. */
const wrong: [option: string, ...values: object[]][] = [
  ["prot", { prot: 80 }],
  ["port", { port: -2 }, { port: 65_536 }, { port: 1.5 }, { port: "80" }, { port: Number.NaN }],
  ["host", { host: 5 }],
  ["path", { path: 5 }, { path: "" }],
  ["protocols", { protocols: 5 }, { protocols: [5] }, { protocols: [protocol, protocol] }],
  ["name", { protocols: [{ name: "", callback() {} }] }, { protocols: [{ callback() {} }] }],
  ["callback", { protocols: [{ name: "x" }] }],
  [
    "rxBufferSize",
    { protocols: [{ ...protocol, rxBufferSize: 0 }] },
    { protocols: [{ ...protocol, rxBufferSize: "1" }] },
  ],
  ["maxMessageSize", { protocols: [{ ...protocol, maxMessageSize: -1 }] }],
  ["wholeMessages", { protocols: [{ ...protocol, wholeMessages: "yes" }] }],
  ["perSessionData", { protocols: [{ ...protocol, perSessionData: {} }] }],
  ["plugins", { plugins: 5 }, { plugins: [5] }, { plugins: [{ options: 1 }] }],
  ["ssl", { ssl: 5 }, { ssl: { cert: certificate.cert } }, { ssl: { ...certificate, key: 5 } }],
  ["mounts", { mounts: 5 }, { mounts: [5] }],
  ["mountpoint", { mounts: [{ mountpoint: "static", origin: "." }] }, { mounts: [{ origin: "." }] }],
  ["origin", { mounts: [{ mountpoint: "/" }] }],
  ["eventLoop", { eventLoop: "kqueue" }, { eventLoop: 1 }],
  ["origins", { origins: "https://a" }, { origins: [5] }, { origins: ["no origin"] }],
  ["defaultProtocol", { defaultProtocol: "unknown", protocols: [protocol] }, { defaultProtocol: true }],
  ["gid", { gid: {} }, { gid: -1 }],
  ["uid", { uid: {} }, { uid: -1 }],
  ["logger", { logger: {} }, { logger: 5 }, { logger: null }],
  ["bus", { bus: null }, { bus: "redis" }, { bus: {} }],
  ["backlog", { backlog: 0 }, { backlog: "5" }],
  ["reusePort", { reusePort: "yes" }],
  ...[
    "maxConnections",
    "maxConnectionsPerAddress",
    "maxHeaderBytes",
    "maxHeaderCount",
    "maxBufferedBytes",
  ].map(
    (name) =>
      [name, { [name]: 0 }, { [name]: -1 }, { [name]: 1.5 }, { [name]: "9" }] as [string, ...object[]],
  ),
  ["maxBodyBytes", { maxBodyBytes: -1 }, { maxBodyBytes: "9" }],
  ["maxEmptyFragments", { maxEmptyFragments: -1 }, { maxEmptyFragments: "9" }],
  ["accessLog", { accessLog: true }, { accessLog: { stream: 5 } }, { accessLog: { stream: null } }],
  ["trustedProxies", { trustedProxies: 5 }, { trustedProxies: [5] }, { trustedProxies: ["localhost"] }],
  ["proxyProtocol", { proxyProtocol: "yes" }, { proxyProtocol: true, ssl: certificate }],
  ["securityHeaders", { securityHeaders: [] }, { securityHeaders: { "X-A": "a\nb" } }],
  ["errorPage", { errorPage: {} }],
  ["timeouts", { timeouts: 5 }, { timeouts: [] }],
  ["never", { accessLog: { stream: process.stdout, never: 5 } }],
  ["never", { timeouts: { never: 5 } }],
  ...["head", "keepAlive", "body", "reply", "close", "ping", "pong", "drain"].map(
    (name) =>
      [name, { timeouts: { [name]: 0 } }, { timeouts: { [name]: -1 } }, { timeouts: { [name]: "9" } }] as [
        string,
        ...object[],
      ],
  ),
];

describeLoops("a wrong option", (loop) => {
  it.each(wrong)("%s rejects with a TypeError that names it", async (option, ...values) => {
    for (const value of values) {
      const made = createContext({ eventLoop: loop, ...value } as ContextOptions);
      const error = await made.then(
        (context) => context.destroy().then(() => new Error(`accepted ${JSON.stringify(value)}`)),
        (thrown: Error) => thrown,
      );
      expect(error, `${JSON.stringify(value)}: ${error.message}`).toBeInstanceOf(TypeError);
      expect(error.message).toContain(option);
    }
  });
});
