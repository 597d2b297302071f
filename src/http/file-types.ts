/** Media types of the files that go into sheets and come out of them. */
export const CSV_TYPE = 'text/csv';
export const XLSX_TYPE = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
/** What the file is, its name or `format` says. */
export const OTHER_TYPES = ['application/octet-stream', 'application/gzip', 'application/x-gzip', 'application/vnd.ms-excel'];
