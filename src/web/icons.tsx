/** The few pictures of the frame; decoration, so that what they stand for is always said in words as well. */
import type { ReactNode } from 'react';
import type { ThemeChoice } from './theme.ts';

export function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      viewBox="0 0 20 20"
      width="18"
      height="18"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

export function Logo() {
  return (
    <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true" className="logo">
      <rect width="32" height="32" rx="7" className="logo-ground" />
      <path d="M6 11h20" className="logo-line" />
      <path d="M6 18q3.3-3.4 6.7 0t6.6 0 6.7 0" className="logo-line" opacity=".8" />
      <path d="M6 24q3.3-3.4 6.7 0t6.6 0 6.7 0" className="logo-line" opacity=".45" />
    </svg>
  );
}

export function ThemeIcon({ choice }: { choice: ThemeChoice }) {
  if (choice === 'dark') {
    return (
      <Icon>
        <path d="M16 11.8A6.6 6.6 0 0 1 8.2 4 6.6 6.6 0 1 0 16 11.8Z" />
      </Icon>
    );
  }
  if (choice === 'light') {
    return (
      <Icon>
        <circle cx="10" cy="10" r="3.2" />
        <path d="M10 2.5v1.6M10 15.9v1.6M2.5 10h1.6M15.9 10h1.6M4.7 4.7l1.1 1.1M14.2 14.2l1.1 1.1M4.7 15.3l1.1-1.1M14.2 5.8l1.1-1.1" />
      </Icon>
    );
  }
  return (
    <Icon>
      <rect x="3" y="4" width="14" height="9.5" rx="1.5" />
      <path d="M7.5 16.5h5M10 13.5v3" />
    </Icon>
  );
}
