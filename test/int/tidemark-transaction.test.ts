/** What a transaction of an application promises: all or nothing with its own statements, woken after the commit, usable after a refusal. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ConflictError, defineEntryWork, defineLogType, InvalidInputError, type Tidemark, UnknownWorkflowError } from '../../src/index.ts';
import { createTidemark } from '../../src/tidemark.ts';
