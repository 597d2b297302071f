/** Rights on the S3 server of a test: moto lets everybody do everything until it is told to look at users and policies. */
import { REGION } from './s3-server.ts';

/** @returns the keys of a user who may do these actions and nothing else */
export async function createLimitedUser(endpoint: string, actions: string[]): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] });
  await askIam(endpoint, { Action: 'CreateUser', UserName: 'limited' });
  await askIam(endpoint, { Action: 'PutUserPolicy', UserName: 'limited', PolicyName: 'limits', PolicyDocument: policy });
  const made = await askIam(endpoint, { Action: 'CreateAccessKey', UserName: 'limited' });
  const field = (name: string) => new RegExp(`<${name}>([^<]+)<`).exec(made)?.[1] ?? '';
  return { accessKeyId: field('AccessKeyId'), secretAccessKey: field('SecretAccessKey') };
}

/** @returns lets everybody in again */
export async function enforceRights(endpoint: string): Promise<() => Promise<void>> {
  const enforceAfter = async (requests: string) => {
    const { ok } = await fetch(`${endpoint}/moto-api/reset-auth`, { method: 'POST', body: requests });
    if (!ok) throw new Error('moto has no /moto-api/reset-auth');
  };
  await enforceAfter('0');
  return () => enforceAfter('1000000000');
}

/** Nobody checks the signature yet; its scope is what says that IAM is meant. */
async function askIam(endpoint: string, parameters: Record<string, string>): Promise<string> {
  const authorization = `AWS4-HMAC-SHA256 Credential=none/20260101/${REGION}/iam/aws4_request, SignedHeaders=host, Signature=none`;
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams({ Version: '2010-05-08', ...parameters }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}
