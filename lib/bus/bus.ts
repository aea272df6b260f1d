/**
 * Carries broadcasts between the contexts of an application: in other threads, processes or machines.
 *
 * A bus moves packets, whose bytes it does not look into. What it promises:
 *
 * - **At most once.** A packet that cannot be sent now is dropped and counted, never kept for later: while the broker
 *   is away, when too much is on its way already, when the broker does not take one of that size.
 * - **In order.** The packets of one sender arrive in the order they were published in. Those of different senders
 *   arrive in any order, which may be another one at each receiver.
 * - **Whole.** A packet arrives as it was sent, from an empty one to the broker's largest, with its boundaries.
 * - **To the others.** Its own packets may come back to a sender: the envelope's instance id tells them.
 *
 * Who may publish on a broker's channel may publish anything: what arrives is checked as bytes from a stranger are.
 */
export interface Bus {
  /** For the log: `"processes"`, `"redis"`, … */
  readonly name: string;
  /** How many packets this side has dropped so far. */
  readonly lost?: number;

  /**
   * Connects and begins to receive; resolves when what others publish from now on arrives. Called once, by the context,
   * before anything else.
   *
   * @throws Error, as a rejection, when the broker cannot be reached or refuses; nothing stays open then.
   */
  subscribe(receiver: BusReceiver): Promise<void>;

  /**
   * Sends a packet to every other subscriber. Never throws, whatever state the bus is in, and never waits. The packet
   * belongs to the bus from here on: nobody writes into its bytes any more.
   */
  publish(packet: Uint8Array): void;

  /**
   * Leaves, and resolves when nothing is open any more. What was published before still goes out when that takes no more
   * than half a second. The receiver hears of the last losses from inside of this call, and nothing after it. Harmless
   * when called again, or before `subscribe`.
   */
  close(): Promise<void>;
}

/** Whoever listens to a bus. Its methods do not throw. */
export interface BusReceiver {
  /** A packet from the bus. Its bytes may be kept, and are not written into: another receiver may see the same. */
  onPacket(packet: Uint8Array): void;

  /**
   * The broker went away, with the error, or came back. Told once for each change; the bus tries again by itself. It
   * is up when `subscribe` resolves, which is not told here.
   */
  onState(state: "up" | "down", error?: Error): void;

  /**
   * Packets were dropped on this side, and why the last of them was. The first is told at once, the others
   * together, at most once in a second. Those that fall while the bus is down are among them.
   */
  onLoss?(packets: number, error: Error): void;
}
