/** What protoc-gen-es makes of a file with `message Candidate { string user_id = 1; int32 score = 2; repeated Skill skills = 3; }`. */
import type { Message } from '@bufbuild/protobuf';
import { fileDesc, type GenMessage, messageDesc } from '@bufbuild/protobuf/codegenv2';

const file = fileDesc(
  'ChdleGFtcGxlL2NhbmRpZGF0ZS5wcm90bxIHZXhhbXBsZSJiCglDYW5kaWRhdGUSFwoHdXNlcl9pZBgBIAEoCVIGdXNlcklkEhQKBXNjb3JlGAIgASgFUgVzY29yZRImCgZza2lsbHMYAyADKAsyDi5leGFtcGxlLlNraWxsUgZza2lsbHMiMQoFU2tpbGwSEgoEbmFtZRgBIAEoCVIEbmFtZRIUCgV5ZWFycxgCIAEoDVIFeWVhcnNiBnByb3RvMw',
);

type Skill = Message<'example.Skill'> & { name: string; years: number };
export type Candidate = Message<'example.Candidate'> & { userId: string; score: number; skills: Skill[] };

export const CandidateSchema: GenMessage<Candidate> = messageDesc(file, 0);
