/**
 * Topics whose messages are Protobuf: for applications that have `@bufbuild/protobuf`, which is loaded here and nowhere else.
 */
export { protobuf } from './messages/protobuf.ts';
