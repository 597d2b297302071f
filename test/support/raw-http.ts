/** Bytes over a connection, for what no client would send. */
import type { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from './until.ts';

export interface RawAnswer {
  /** Everything that came back until the connection was closed. */
  text: string;
  /** Of the first answer; undefined where there was none. */
  status: number | undefined;
}

/** Sends these bytes and reads until the other side closes. @throws where it does not within the deadline */
export async function sendRaw(url: string, bytes: string | Uint8Array, deadlineMs = 10_000): Promise<RawAnswer> {
  const socket = await openSocket(url);
  socket.write(bytes);
  return readToEnd(socket, deadlineMs);
}

export function openSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      // What is cut off may say so by a reset.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

/** Asks for something and takes nothing of it after the first bytes. @returns both ends of the connection, when no more leaves the server's */
export async function askAndLeave(server: EventEmitter, url: string, path: string): Promise<{ socket: Socket; accepted: Socket }> {
  const connected = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const socket = await openSocket(url);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await new Promise((resolve) => socket.once('data', resolve));
  socket.pause();
  const accepted = await connected;
  await until('nothing leaves any more', async () => {
    const before = accepted.bytesWritten;
    await delay(100);
    return accepted.destroyed || (accepted.writableLength > 0 && accepted.bytesWritten === before);
  });
  return { socket, accepted };
}

export function readToEnd(socket: Socket, deadlineMs = 10_000): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    let text = '';
    const deadline = setTimeout(() => {
      socket.destroy();
      reject(new Error(`The connection is still open after ${deadlineMs} ms; it said: ${text}`));
    }, deadlineMs);
    socket.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
    socket.once('close', () => {
      clearTimeout(deadline);
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
      resolve({ text, status: status === undefined ? undefined : Number(status) });
    });
  });
}
