/** A real mail server that counts what it has accepted, by address, and does to some what their names say. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

export interface NewsletterSink {
  readonly url: string;
  /** How often each address got a mail. */
  readonly accepted: Map<string, number>;
  /** Of the newest mail of each. */
  readonly mails: Map<string, string>;
  /** An answer that is held back: one at a time, to an address that begins with 'held', as long as `holds`. */
  readonly held: Map<string, () => void>;
  holds: boolean;
  close(): Promise<void>;
}

/** 'nobody…' is refused for good, 'later…' once for the moment, of 'broken…' the mail is taken and the connection lost before the answer. */
export async function startNewsletterSink({ keepMails = true } = {}): Promise<NewsletterSink> {
  const accepted = new Map<string, number>();
  const mails = new Map<string, string>();
  const held = new Map<string, () => void>();
  const deferred = new Set<string>();
  const refuse = (responseCode: number) => Object.assign(new Error('not now'), { responseCode });
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo({ address }, _, callback) {
      if (address.startsWith('nobody')) return callback(refuse(550));
      if (address.startsWith('later') && !deferred.has(address)) {
        deferred.add(address);
        return callback(refuse(450));
      }
      callback();
    },
    onData(stream, session, callback) {
      text(stream).then(
        (content) => {
          const address = session.envelope.rcptTo[0]?.address ?? '';
          accepted.set(address, (accepted.get(address) ?? 0) + 1);
          if (keepMails) mails.set(address, content);
          if (address.startsWith('broken')) {
            // The connection of this session, which smtp-server has no call to end.
            for (const connection of server.connections as unknown as Set<{ id: string; _socket: { destroy(): void } }>) {
              if (connection.id === session.id) connection._socket.destroy();
            }
          } else if (sink.holds && held.size === 0 && address.startsWith('held')) held.set(address, callback);
          else callback();
        },
        () => {},
      );
    },
  });
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const sink: NewsletterSink = {
    url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    accepted,
    mails,
    held,
    holds: false,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return sink;
}
