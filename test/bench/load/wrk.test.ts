import { describe, expect, test } from "vitest";
import { parseWrk, wrkCommand } from "../../../bench/load/wrk.ts";

const FINE = `Running 1s test @ http://127.0.0.1:7681/reply
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   664.94us  391.51us   9.36ms   95.13%
    Req/Sec    98.40k    10.86k  113.13k    80.00%
  97888 requests in 1.00s, 33.14MB read
Requests/sec:  97745.03
Transfer/sec:     33.09MB
`;

const FAILING = FINE.replace(
  "Requests/sec",
  "  Socket errors: connect 1, read 20, write 300, timeout 4000\n  Non-2xx or 3xx responses: 50000\nRequests/sec",
);

describe("parseWrk", () => {
  test("reads requests and bytes", () => {
    expect(parseWrk(FINE)).toEqual({ requests: 97_888, bytes: Math.round(33.14 * 1024 ** 2), errors: 0 });
  });

  test("adds up all errors", () => {
    expect(parseWrk(FAILING).errors).toBe(54_321);
    expect(parseWrk(FAILING.replace(/^ {2}Socket errors.*\n/m, "")).errors).toBe(50_000);
    expect(parseWrk(FAILING.replace(/^ {2}Non-2xx.*\n/m, "")).errors).toBe(4321);
  });

  test.each([
    ["0.00B", 0],
    ["812.00B", 812],
    ["1.50KB", 1536],
    ["3.25GB", 3.25 * 1024 ** 3],
    ["1.00TB", 1024 ** 4],
  ])("understands %s", (size, bytes) => {
    expect(parseWrk(FINE.replace("33.14MB read", `${size} read`)).bytes).toBe(bytes);
  });

  test("takes a run of any length", () => {
    expect(parseWrk(FINE.replace("in 1.00s", "in 500.25ms")).requests).toBe(97_888);
    expect(parseWrk(FINE.replace("in 1.00s", "in 1.02m")).requests).toBe(97_888);
  });

  test("throws the last line where there is no sum", () => {
    expect(() => parseWrk("unable to connect to 127.0.0.1:1\n")).toThrow("wrk: unable to connect");
    expect(() => parseWrk("")).toThrow("wrk: no output");
  });
});

test("wrkCommand asks for whole seconds", () => {
  const options = { port: 80, path: "/x", connections: 64, pid: 1 };
  expect(wrkCommand({ ...options, seconds: 1.2 }).join(" ")).toBe("wrk -t1 -c64 -d2s http://127.0.0.1:80/x");
});
