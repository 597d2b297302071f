/** Imported before any schema is made: else zod tries once whether it may compile code, which a strict Content Security Policy reports. */
import { config } from 'zod';

config({ jitless: true });
