import type { Duplex } from "node:stream";

/**
 * Ends a stream that nobody owns any more, so that what was written last arrives: it is flushed, and what the peer
 * still sends is read and thrown away, because a socket that is closed over unread bytes resets the connection and
 * takes back what it has sent. Then the stream is destroyed: when the peer has ended too, at the latest after
 * `linger` milliseconds. Resolves then. Never rejects.
 */
export function endGently(stream: Duplex, linger: number): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) return resolve();
    const destroy = () => {
      clearTimeout(timer);
      stream.destroy();
      // Not every stream tells that it is closed.
      resolve();
    };
    const timer = setTimeout(destroy, linger);
    const check = () => {
      if (stream.readableEnded && stream.writableFinished) destroy();
    };
    stream.on("error", () => {});
    stream.on("end", check).on("finish", check);
    stream.on("data", () => {});
    stream.once("close", destroy);
    stream.end();
    stream.resume();
    check();
  });
}
