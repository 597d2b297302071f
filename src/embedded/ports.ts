import { connect, createServer } from 'node:net';
import { SetupError } from '../errors.ts';

/** A TCP port of 127.0.0.1 that was free a moment ago. Another process can take it: a start on it may be tried again. */
export async function findFreePort(): Promise<number> {
  return await listenOnce(0);
}

/** Refuses a port that something listens on, naming what it was wanted for and the setting that changes it. */
export async function requireFreePort(port: number, wantedFor: string): Promise<void> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new SetupError(`Port ${port} for ${wantedFor} is not a port: use a whole number from 1 to 65535.`);
  }
  try {
    await listenOnce(port);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'EACCES' ? 'may not be opened by this user' : 'is in use';
    throw new SetupError(`Port ${port} on 127.0.0.1 ${reason}: stop what listens there, or choose another port for ${wantedFor}.`, {
      cause: error,
    });
  }
}

/** Whether nothing listens on it, a moment ago. */
export async function isFreePort(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  );
}

/** Rejects unless something accepts connections there. */
export function connectOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1' }, () => {
      const address = server.address();
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no address'))));
    });
  });
}
