import { rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { errorCode } from "../../../lib/base/errors.ts";
import { EAGAIN, EVENT_WORDS, loadLibc, systemError, within } from "../../../lib/loop/epoll/libc.ts";
import { childBuild, runChild } from "./child.ts";

afterAll(() => rmSync(childBuild, { recursive: true, force: true }));

const codeOf = (call: () => unknown): string => {
  try {
    call();
    return "";
  } catch (error) {
    return errorCode(error);
  }
};

test("refuses a length beyond its buffer, before the call", () => {
  const libc = loadLibc();
  const buffer = Buffer.alloc(16);
  for (const length of [17, 1 << 20, -1, Number.NaN]) {
    expect(codeOf(() => libc.recv(-1, buffer, length))).toBe("ERR_OUT_OF_RANGE");
    expect(codeOf(() => libc.send(-1, buffer, length, 0))).toBe("ERR_OUT_OF_RANGE");
  }
  const events = new Int32Array(2 * EVENT_WORDS);
  expect(codeOf(() => libc.epollWait(-1, events, 3, 0))).toBe("ERR_OUT_OF_RANGE");
  expect(codeOf(() => libc.epollControl(-1, 1, 0, new Int32Array(1)))).toBe("ERR_OUT_OF_RANGE");
});

test("counts a part of a buffer by the part, and a detached one as empty", () => {
  const whole = Buffer.alloc(64);
  expect(within(whole.subarray(32), 32)).toBe(32);
  expect(codeOf(() => within(whole.subarray(32), 33))).toBe("ERR_OUT_OF_RANGE");
  const gone = new Uint8Array(64);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  expect(codeOf(() => loadLibc().recv(-1, gone, 64))).toBe("ERR_OUT_OF_RANGE");
});

test("gives -1 and the errno for a call that fails", () => {
  const libc = loadLibc();
  expect(libc.recv(-1, Buffer.alloc(1), 1)).toBe(-1);
  expect(systemError(libc.errno(), "recv")).toMatchObject({ code: "EBADF", message: "recv failed: EBADF" });
  expect(systemError(EAGAIN, "send").code).toBe("EAGAIN");
});

test("says ENOTSUP and why where the package koffi is not installed", async () => {
  const script = `
    import Module from "node:module";
    const resolve = Module._resolveFilename;
    Module._resolveFilename = (name, ...rest) => {
      if (name === "koffi") throw Object.assign(new Error("Cannot find module"), { code: "MODULE_NOT_FOUND" });
      return resolve(name, ...rest);
    };
    try { createEpollLoop(); } catch (error) { console.log(error.code, error.message); }`;
  expect(await runChild(script)).toMatch(/^ENOTSUP .*"koffi" is not installed/);
});

test("says ENOTSUP and why where the permission model forbids native code", async () => {
  const script = `try { createEpollLoop(); } catch (error) { console.log(error.code, error.message); }`;
  const flags = '--experimental-permission --allow-fs-read="*"';
  expect(await runChild(script, "", flags)).toMatch(/^ENOTSUP .*does not load/);
});

test("says ENOTSUP and why on another platform", async () => {
  const script = `
    Object.defineProperty(process, "platform", { value: "darwin" });
    try { createEpollLoop(); } catch (error) { console.log(error.code, error.message); }`;
  expect(await runChild(script)).toMatch(/^ENOTSUP .*no epoll on darwin/);
});
