// SPDX-License-Identifier: Apache-2.0

import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { interval, Observable, type SchedulerLike } from 'rxjs'
import { SluiceError } from '../../errors/error.ts'
import { isManifestName } from './read.ts'

/** The name of a manifest that may have changed; `all`: any of them. */
export type DirectoryChange = { readonly name: string } | 'all'

/** A directory may be replaced far up its path, where nothing is watched. */
const IDENTITY_CHECK_MS = 2000

/**
 * `all` at once, then what changes. Follows a directory that is removed and made again, or that a symbolic link
 * replaces; a volume's `..data` swap is `all`. Errors with SLUICE_ERR_MANIFEST_DIRECTORY when it is not there at
 * subscription.
 */
export function watchDirectory(directory: string, scheduler: SchedulerLike): Observable<DirectoryChange> {
  return new Observable((subscriber) => {
    const path = resolve(directory)
    let watcher: FSWatcher | undefined
    let watched: string | undefined

    const detach = () => {
      watcher?.close()
      watcher = undefined
      watched = undefined
    }

    const attach = () => {
      // The identity first: a directory exchanged in between is found different at the next check.
      const identity = identityOf(path)
      watcher = watch(path, (_, name) => {
        if (name !== null && isManifestName(name)) subscriber.next({ name })
        else if (name === null || name.startsWith('..')) subscriber.next('all')
        else if (name === basename(path)) check()
      })
      watcher.on('error', () => {
        detach()
        subscriber.next('all')
      })
      watched = identity
    }

    const check = () => {
      if (identityOf(path) === watched) return
      detach()
      try {
        if (identityOf(path) !== undefined) attach()
      } catch {
        // It went again meanwhile; the next check will see.
      }
      subscriber.next('all')
    }

    let parent: FSWatcher | undefined
    const checks = interval(IDENTITY_CHECK_MS, scheduler).subscribe(check)
    subscriber.add(() => {
      checks.unsubscribe()
      parent?.close()
      detach()
    })
    try {
      attach()
      parent = watch(dirname(path), (_, name) => {
        if (name === null || name === basename(path)) check()
      })
      parent.on('error', () => parent?.close())
    } catch (cause) {
      subscriber.error(new SluiceError('SLUICE_ERR_MANIFEST_DIRECTORY', { path: directory }, cause))
      return
    }
    if (watched === undefined) {
      subscriber.error(
        new SluiceError('SLUICE_ERR_MANIFEST_DIRECTORY', { path: directory }, 'not a directory')
      )
      return
    }
    subscriber.next('all')
  })
}

/** Undefined: not there, not a directory, or not to be seen; whoever lists it is told why. */
function identityOf(path: string): string | undefined {
  try {
    const stat = statSync(path, { bigint: true })
    return stat.isDirectory() ? `${stat.dev}:${stat.ino}` : undefined
  } catch {
    return undefined
  }
}
