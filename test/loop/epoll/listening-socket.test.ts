import { describe, expect, it } from "vitest";
import { encodeInternet } from "../../../lib/loop/epoll/address.ts";
import { loadLibc, SO_REUSEADDR, SO_REUSEPORT, SOL_SOCKET } from "../../../lib/loop/epoll/libc.ts";
import { bindSocket, startListening } from "../../../lib/loop/epoll/listening-socket.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { loops } from "../../support/server.ts";

describe.runIf(loops.includes("epoll"))("a listening socket", () => {
  checkLeaks();

  it("is bound for itself, or beside others of its port", () => {
    const libc = loadLibc();
    for (const reusePort of [false, true]) {
      const fd = bindSocket(libc, encodeInternet("127.0.0.1", 0), { reusePort });
      expect(libc.getOption(fd, SOL_SOCKET, SO_REUSEADDR)).toBe(1);
      expect(libc.getOption(fd, SOL_SOCKET, SO_REUSEPORT)).toBe(Number(reusePort));
      libc.close(fd);
    }
  });

  it("leaves nothing open when it cannot be bound, or cannot listen", () => {
    const libc = loadLibc();
    expect(() => bindSocket(libc, encodeInternet("192.0.2.1", 0), {})).toThrow("bind failed: EADDRNOTAVAIL");
    const spare = libc.spare();
    expect(() => startListening(libc, spare, {})).toThrow("listen failed: ENOTSOCK");
  });
});
