package sim

import "iter"

// fiber is work of a process that takes a while and lets the rest of the world
// go on in between: its yield hands control back until the next step.
type fiber struct {
	p    *process
	stop func()
	// calm: effects on the disk do not yield, because the work holds locks there
	// that others wait for.
	calm bool
}

// spawn begins work. done is called when it has returned, unless the process
// ended before.
func (p *process) spawn(calm bool, run func(f *fiber) error, done func(error)) *fiber {
	f := &fiber{p: p, calm: calm}
	var err error
	var yield func()
	next, stop := iter.Pull(func(y func(struct{}) bool) {
		yield = func() {
			if !y(struct{}{}) {
				p.disk.dead = true
			}
		}
		p.disk.enter(f, yield)
		err = run(f)
	})
	f.stop = stop
	p.fibers = append(p.fibers, f)
	var step func()
	step = func() {
		p.disk.enter(f, yield)
		_, more := next()
		p.disk.enter(nil, nil)
		switch {
		case p.disk.dead:
			p.powerCut()
		case more:
			p.do(p.w.between(20, p.w.plan.Options.SnapshotStep), step)
		default:
			p.forget(f)
			done(err)
		}
	}
	p.do(p.w.between(20, p.w.plan.Options.SnapshotStep), step)
	return f
}

func (p *process) forget(f *fiber) {
	for i, o := range p.fibers {
		if o == f {
			p.fibers = append(p.fibers[:i], p.fibers[i+1:]...)
			return
		}
	}
}

// job is a background job of the storage; there is one at a time.
type job struct {
	calm bool
	run  func(*fiber) error
	done func(error)
}

// background queues a job; each of its effects on the disk is a step of the
// world, so that the pipeline goes on in between.
func (p *process) background(j job) {
	p.jobs = append(p.jobs, j)
	p.nextJob()
}

func (p *process) nextJob() {
	if p.running || len(p.jobs) == 0 {
		return
	}
	p.running = true
	j := p.jobs[0]
	p.spawn(j.calm, j.run, func(err error) {
		p.running = false
		p.jobs = p.jobs[1:]
		j.done(err)
		p.nextJob()
	})
}

// stopFibers ends the work in the background with the process.
func (p *process) stopFibers() {
	fibers := p.fibers
	p.fibers, p.jobs = nil, nil
	for _, f := range fibers {
		f.stop()
	}
	p.disk.enter(nil, nil)
}
