import { InvalidInputError } from './errors.ts';

/** @throws InvalidInputError for anything but a positive integer */
export function checkPageSize(pageSize: number): number {
  if (!Number.isSafeInteger(pageSize) || pageSize < 1) {
    throw new InvalidInputError(`Page size ${pageSize} cannot be used: give a whole number from 1.`);
  }
  return pageSize;
}
