package sim

import "iter"

// job is a background job of the storage.
type job struct {
	run  func() error
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
	j := &p.jobs[0]
	var err error
	var yield func()
	next, stop := iter.Pull(func(y func(struct{}) bool) {
		yield = func() {
			if !y(struct{}{}) {
				p.disk.dead = true
			}
		}
		p.disk.yield = yield
		err = j.run()
	})
	p.stopJob = stop
	var step func()
	step = func() {
		p.disk.yield = yield
		_, more := next()
		p.disk.yield = nil
		switch {
		case p.disk.dead:
			p.powerCut()
		case more:
			p.do(p.w.between(20, p.w.plan.Options.SnapshotStep), step)
		default:
			done := j.done
			p.running, p.stopJob = false, nil
			p.jobs = p.jobs[1:]
			done(err)
			p.nextJob()
		}
	}
	p.do(p.w.between(20, p.w.plan.Options.SnapshotStep), step)
}

// stopJobs ends the background with the process.
func (p *process) stopJobs() {
	if p.stopJob != nil {
		p.stopJob()
		p.stopJob = nil
	}
	p.disk.yield = nil
	p.jobs = nil
}
