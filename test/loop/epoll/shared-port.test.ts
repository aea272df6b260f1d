import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ADDRESS_SIZE, encodeInternet, encodePath, portOf } from "../../../lib/loop/epoll/address.ts";
import { loadLibc } from "../../../lib/loop/epoll/libc.ts";
import { bindSocket, startListening } from "../../../lib/loop/epoll/listening-socket.ts";
import { EpollPort } from "../../../lib/loop/epoll/shared-port.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { loops, temporaryFolder } from "../../support/server.ts";

describe.runIf(loops.includes("epoll"))("a shared port of the epoll loop", () => {
  checkLeaks();

  const listen = (address: Uint8Array, options: { path?: string } = {}) => {
    const libc = loadLibc();
    return startListening(libc, bindSocket(libc, address, options), options);
  };
  const numberOf = (fd: number) => {
    const address = new Uint8Array(ADDRESS_SIZE);
    loadLibc().socketName(fd, address);
    return portOf(address);
  };

  it.each(["127.0.0.1", "::1"])(
    "on %s opens sockets side by side, the first of them the ceded one",
    (host) => {
      const ceded = listen(encodeInternet(host, 0));
      const number = numberOf(ceded);
      const port = new EpollPort(loadLibc(), ceded, { host });
      const fds = [port.open(), port.open(), port.open()];
      expect(fds[0]).toBe(ceded);
      expect(new Set(fds).size).toBe(3);
      expect(fds.map(numberOf)).toEqual([number, number, number]);
      for (const fd of fds) port.close(fd);
      port.release();
    },
  );

  it("keeps the port while nobody has a socket on it", () => {
    const ceded = listen(encodeInternet("127.0.0.1", 0));
    const number = numberOf(ceded);
    const port = new EpollPort(loadLibc(), ceded, {});
    port.close(port.open());
    expect(() => listen(encodeInternet("127.0.0.1", number))).toThrow("EADDRINUSE");
    const again = port.open();
    expect(numberOf(again)).toBe(number);
    port.close(again);
    port.release();
  });

  it("gives a Unix socket itself to everybody, and removes its path at the end", () => {
    const path = `${temporaryFolder()}/s.sock`;
    const ceded = listen(encodePath(path), { path });
    const port = new EpollPort(loadLibc(), ceded, { path });
    expect([port.open(), port.open()]).toEqual([ceded, ceded]);
    port.close(ceded);
    expect(existsSync(path)).toBe(true);
    port.release();
    expect(existsSync(path)).toBe(false);
  });
});
