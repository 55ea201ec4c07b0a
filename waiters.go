package syncstream

// waiter is one goroutine that waits for a store to change.
type waiter struct {
	woken      chan struct{} // has room for one
	at         Position      // behind which there was nothing when it began
	list       *waiters      // that it is in, if any
	prev, next *waiter
}

// waiters are woken one after the other, in the order in which they came: who
// changes the store wakes the first, and each wakes the next. So a change costs
// its maker the same, however many wait. All needs the store's mutex.
type waiters struct {
	first, last *waiter
}

func (l *waiters) add(w *waiter) {
	w.list, w.prev, w.next = l, l.last, nil
	if l.last != nil {
		l.last.next = w
	} else {
		l.first = w
	}
	l.last = w
}

// remove takes w out of its list, if it is in one.
func (w *waiter) remove() {
	l := w.list
	if l == nil {
		return
	}
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		l.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		l.last = w.prev
	}
	w.list, w.prev, w.next = nil, nil, nil
}

// wakeOne wakes the first waiter, which is to call it too.
func (l *waiters) wakeOne() {
	if w := l.first; w != nil {
		w.remove()
		select {
		case w.woken <- struct{}{}:
		default: // it has been woken
		}
	}
}

func (l *waiters) wakeAll() {
	for l.first != nil {
		l.wakeOne()
	}
}
